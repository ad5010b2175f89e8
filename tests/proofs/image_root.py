"""The image without a container engine: a Debian trixie root, and a layer per instruction.

Roots and layers are kept outside of the checkout, by a hash of what they are made from.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mtp.supervisor.state import base_directory
from tests.deployment.dockerfile import ROOT, Instruction, build_context, instructions

SUITE = "trixie"
UNUSED_SECONDS = 7 * 24 * 60 * 60
# The Python of python:3.13-slim-trixie is in /usr/local; here it is a venv of Debian's.
PYTHON = ("ca-certificates", "netbase", "python3", "python3-venv", "tzdata")
AS_THE_PYTHON_IMAGE = "python3 -m venv /usr/local"
PARTS = ("ca-certificates", "curl", "netbase", "nginx-light", "openssl", "tzdata", "valkey-tools")
AS_THE_PARTS = (
    "groupadd --gid 999 postgres && useradd --uid 999 --gid 999 postgres"
    " && useradd --uid 101 nginx"
    " && install -d -o postgres -m 1777 /var/lib/postgresql"
)


class Failed(Exception):
    """A step of the proof that did not do what it should; the message is its output."""


@dataclass(slots=True)
class Image:
    """A root file system in layers, the lowest first, and how a container of it is started."""

    layers: list[Path]
    environment: dict[str, str] = field(default_factory=dict)
    directory: str = "/"
    user: str = "root"
    key: str = ""


def _cache() -> Path:
    place = base_directory().parent / "image"
    place.mkdir(parents=True, exist_ok=True)
    return place


def _call(*command: str | Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=1800
    )
    if done.returncode:
        raise Failed(f"{done.stdout[-1500:]}\n{done.stderr[-3000:]}".strip())
    return done.stdout


def debian(packages: Iterable[str], then: str) -> Image:
    """A root of debootstrap with these packages, in which `then` was run once."""
    packages = tuple(packages)
    key = hashlib.sha256(repr((SUITE, packages, then)).encode()).hexdigest()[:16]
    place = _cache() / f"base-{key}"
    if not place.is_dir():
        draft = place.with_suffix(f".{os.getpid()}")
        shutil.rmtree(draft, ignore_errors=True)
        include = f"--include={','.join(packages)}"
        _call("debootstrap", "--variant=minbase", include, SUITE, draft)
        _call("chroot", draft, "sh", "-ec", then)
        draft.rename(place)
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return Image([place], {"PATH": path, "LANG": "C.UTF-8"}, key=key)


def overlay(layers: Iterable[Path], at: str, *, upper: Path | None = None) -> str:
    """The shell's line that mounts the layers; without `upper` read-only."""
    lower = ":".join(str(layer) for layer in reversed(list(layers)))
    options = f"lowerdir={lower}"
    if upper is None:
        return f"mount -t overlay overlay -o ro,{options} {at}"
    work = upper.with_name(f"{upper.name}.work")
    return f"mount -t overlay overlay -o {options},upperdir={upper},workdir={work} {at}"


class Build:
    """Carries out the Dockerfile; `ran` lists its RUN lines, `kept` those found in the cache."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.kept = 0

    def image(self) -> Image:
        """The image. Raises `Failed` with the output of the line that fails."""
        image = debian(PYTHON, AS_THE_PYTHON_IMAGE)
        for instruction in instructions((ROOT / "Dockerfile").read_text()):
            self._carry_out(instruction, image)
        _forget_unused()
        return image

    def _carry_out(self, instruction: Instruction, image: Image) -> None:
        argument = instruction.argument
        match instruction.name:
            case "ENV":
                pairs = (pair.partition("=") for pair in shlex.split(argument))
                image.environment |= {name: value for name, _, value in pairs}
            case "WORKDIR":
                image.directory = argument
            case "USER":
                image.user = argument
            case "COPY":
                self._layer(instruction, image, copied=_copied(*argument.split(), image))
            case "RUN":
                self.ran.append(argument)
                self._layer(instruction, image)

    def _layer(
        self, instruction: Instruction, image: Image, copied: dict[Path, Path] | None = None
    ) -> None:
        digest = hashlib.sha256(f"{image.key} {instruction} {image.environment}".encode())
        for source, target in (copied or {}).items():
            digest.update(f"{target} {os.access(source, os.X_OK)}".encode() + source.read_bytes())
        image.key = digest.hexdigest()[:16]
        place = _cache() / f"layer-{image.key}"
        if place.is_dir():
            self.kept += copied is None
            os.utime(place)
        else:
            draft = place.with_suffix(f".{os.getpid()}")
            for directory in (draft, draft.with_name(f"{draft.name}.work")):
                shutil.rmtree(directory, ignore_errors=True)
                directory.mkdir()
            if copied is None:
                _run(instruction.argument, image, upper=draft)
            for source, target in (copied or {}).items():
                (draft / target).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, draft / target)
            shutil.rmtree(draft.with_name(f"{draft.name}.work"))
            draft.rename(place)
        image.layers.append(place)


def _copied(source: str, target: str, image: Image) -> dict[Path, Path]:
    """Each file of a COPY, and its place below the root."""
    into = Path(image.directory.lstrip("/")) / target
    if source == ".":
        return {ROOT / path: into / path for path in build_context()}
    return {ROOT / source: into / Path(source).name}


def _run(line: str, image: Image, *, upper: Path) -> None:
    """One RUN line, as root, with the network and the certificates of this machine."""
    certificates = "/etc/ssl/certs/ca-certificates.crt"
    root = _cache() / "root"
    root.mkdir(exist_ok=True)
    variables = image.environment | {
        name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")
    }
    settings = " ".join(shlex.quote(f"{name}={value}") for name, value in variables.items())
    script = f"""
        {overlay(image.layers, str(root), upper=upper)}
        mount -t proc proc {root}/proc
        mount --bind /dev {root}/dev
        mount -t tmpfs tmpfs {root}/tmp
        cp -L /etc/resolv.conf {root}/tmp/resolv.conf
        touch {root}/etc/resolv.conf
        mount --bind {root}/tmp/resolv.conf {root}/etc/resolv.conf
        [ ! -e {certificates} ] || mount --bind {certificates} {root}{certificates}
        mkdir -p {root}{image.directory}
        exec chroot {root} env -i PIP_CERT={certificates} {settings} \
            env -C {image.directory} sh -c {shlex.quote(line)}
    """
    _call("unshare", "--mount", "--propagation=private", "sh", "-ec", script)


def _forget_unused() -> None:
    """Remove the layers that no run has used for a week; another checkout may use the others."""
    for layer in _cache().glob("layer-*"):
        if time.time() - layer.stat().st_mtime > UNUSED_SECONDS:
            shutil.rmtree(layer)
