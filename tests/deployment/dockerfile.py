"""Reads the Dockerfile: its instructions, and which files its COPY sees."""

import re
import subprocess
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KNOWN = {"FROM", "ENV", "RUN", "WORKDIR", "COPY", "USER", "EXPOSE", "CMD"}


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction of the Dockerfile, its lines joined and its comments removed."""

    name: str
    argument: str


def instructions(text: str) -> list[Instruction]:
    """The instructions in their order. Raises `ValueError` for one that is not known here."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found = []
    for line in filter(None, map(str.strip, joined.splitlines())):
        name, _, argument = line.partition(" ")
        if name not in KNOWN:
            raise ValueError(f"The proof of the image does not know {name}.")
        found.append(Instruction(name, argument.strip()))
    return found


def build_context() -> list[Path]:
    """The files of the checkout, relative to it, that the build sees: without .dockerignore's."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    ignored = (ROOT / ".dockerignore").read_text().split()
    paths = [Path(name) for name in sorted(set(filter(None, listed.split("\0"))))]
    return [path for path in paths if (ROOT / path).is_file() and not _ignored(path, ignored)]


def _ignored(path: Path, patterns: list[str]) -> bool:
    for pattern in patterns:
        anywhere = pattern.removeprefix("**/")
        if anywhere != pattern and any(fnmatch(part, anywhere) for part in path.parts):
            return True
        if path == Path(pattern) or Path(pattern) in path.parents:
            return True
    return False
