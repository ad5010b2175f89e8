"""Services of docker-compose.yml without a container engine, each in separate namespaces.

A service gets what the file says: its user, no capability, a read-only root, its places in memory,
its secrets and volumes, an address in each of its networks, and the names of its neighbors. Memory,
processors and numbers of processes are not limited here.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path

from tests.deployment.compose_file import COMPOSE, Service
from tests.proofs.image_root import Failed, Image, overlay

LONGEST = 120.0


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@dataclass
class Networks:
    """A bridge for each network of the file, in a separate network namespace."""

    prefix: str
    addresses: dict[str, dict[str, str]] = field(default_factory=dict)
    namespaces: list[str] = field(default_factory=list)
    _links: int = 0

    def __post_init__(self) -> None:
        self.switch = self.add("switch")
        self._subnets = {}
        for number, (name, options) in enumerate(COMPOSE["networks"].items()):
            chosen = (options or {}).get("ipam", {}).get("config", [{}])[0].get("subnet")
            self._subnets[name] = IPv4Network(chosen or f"10.77.{number}.0/24")
            _ip("-n", self.switch, "link", "add", name, "type", "bridge")
            _ip("-n", self.switch, "link", "set", name, "up")

    def add(self, name: str) -> str:
        """A new network namespace with loopback."""
        namespace = f"{self.prefix}-{name}"
        _ip("netns", "add", namespace)
        self.namespaces.append(namespace)
        _ip("-n", namespace, "link", "set", "lo", "up")
        return namespace

    def connect(self, name: str, networks: dict[str, str]) -> str:
        """A namespace with an address in each network; the same one at each call."""
        if name in self.addresses:
            return f"{self.prefix}-{name}"
        namespace = self.add(name)
        self.addresses[name] = {}
        for network, chosen in networks.items():
            self._links += 1
            subnet = self._subnets[network]
            address = chosen or str(subnet[100 + self._links])
            outer, inner = f"o{self._links}", f"i{self._links}"
            link = ("link", "add", outer, "type", "veth", "peer", "name", inner)
            _ip("-n", self.switch, *link, "netns", namespace)
            _ip("-n", self.switch, "link", "set", outer, "master", network, "up")
            _ip("-n", namespace, "addr", "add", f"{address}/{subnet.prefixlen}", "dev", inner)
            _ip("-n", namespace, "link", "set", inner, "up")
            self.addresses[name][network] = address
        return namespace

    def hosts(self, name: str) -> str:
        """The text of /etc/hosts: the services that share a network with this one."""
        lines = ["127.0.0.1 localhost"]
        for other, addresses in self.addresses.items():
            shared = self.addresses[name].keys() & addresses.keys()
            lines += [f"{addresses[network]} {other}" for network in sorted(shared)[:1]]
        return "\n".join(lines) + "\n"

    def remove(self) -> None:
        """Remove the namespaces, and the links with them."""
        for namespace in self.namespaces:
            with contextlib.suppress(subprocess.CalledProcessError):
                _ip("netns", "del", namespace)


@contextmanager
def networks() -> Iterator[Networks]:
    """The networks of one run, removed after it."""
    made = Networks(prefix=f"mtp{os.getpid()}")
    try:
        yield made
    finally:
        made.remove()


@dataclass
class Container:
    """One service. `binds` are further places of this machine, read-only; `files` its secrets."""

    service: Service
    image: Image
    networks: Networks
    place: Path
    environment: dict[str, str]
    binds: dict[str, Path] = field(default_factory=dict)
    volumes: dict[str, Path] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.name = self.service.name
        self.home = self.place / self.name
        (self.home / "root").mkdir(parents=True, exist_ok=True)
        self.log = self.home / "log"
        self._namespace = self.networks.connect(self.name, self.service.networks)

    @property
    def user(self) -> tuple[int, int]:
        """The user and group ids of the service."""
        name = str(self.service.raw.get("user", self.image.user))
        for layer in reversed(self.image.layers):
            if (layer / "etc/passwd").is_file():
                for line in (layer / "etc/passwd").read_text().splitlines():
                    fields = line.split(":")
                    if fields[0] == name:
                        return int(fields[2]), int(fields[3])
                break
        raise Failed(f"The image has no user {name}.")

    def start(self, command: list[str] | None = None) -> None:
        """Start the service's command, or another one."""
        self.log.touch()
        self.log.chmod(0o666)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *("ip", "netns", "exec", self._namespace, "unshare", "--mount", "--pid"),
                    *("--ipc", "--fork", "--kill-child", "--propagation=private", "sh", "-ec"),
                    self._script(command or self.service.command),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def finish(self, command: list[str] | None = None) -> None:
        """Run a command to its end, in a separate container. Raises `Failed` with its output."""
        self.start(command)
        assert self._process
        if self._process.wait(timeout=600):
            raise Failed(f"{self.name} ended with {self._process.returncode}: {self.said()}")

    def inside(
        self, command: list[str], *, seconds: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the running container, as its user."""
        enter = ["nsenter", f"--target={self.main}", "--mount", "--net", "--pid", "--root", "--ipc"]
        try:
            return subprocess.run(
                [*enter, "--", *self._as_user(command)],
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 124, "", "timed out")

    def wait_until_healthy(self) -> float:
        """Repeat the health check until it succeeds; returns after how many seconds."""
        began = time.monotonic()
        while time.monotonic() - began < LONGEST:
            if self._process is None or self._process.poll() is not None:
                raise Failed(f"{self.name} has ended: {self.said()}")
            with contextlib.suppress(Failed):
                last = self.inside(self.service.health_check, seconds=15)
                if last.returncode == 0:
                    return time.monotonic() - began
            time.sleep(0.5)
        raise Failed(f"{self.name} did not become healthy: {self.said()}")

    def stop(self) -> float:
        """Stop it as the file says; returns the seconds. Raises `Failed` if it takes longer."""
        assert self._process
        began = time.monotonic()
        os.kill(self.main, signal.Signals[self.service.stop_signal])
        try:
            self._process.wait(timeout=self.service.stop_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            limit = self.service.stop_seconds
            raise Failed(f"{self.name} did not stop within {limit} s: {self.said()}") from None
        return time.monotonic() - began

    def kill(self) -> None:
        """End it at once; nothing is done if it has ended."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def said(self) -> str:
        """The end of its output."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.is_file() else ""

    @property
    def main(self) -> int:
        """The process id of its first process, seen from here."""
        assert self._process
        pid = self._process.pid
        for _ in range(100):
            with contextlib.suppress(OSError):
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                if children and _command_of(int(children[0])) not in ("sh", "chroot", "unshare"):
                    return int(children[0])
            time.sleep(0.1)
        raise Failed(f"{self.name} has not started: {self.said()}")

    def _as_user(self, command: list[str]) -> list[str]:
        user, group = self.user
        settings = self.image.environment | self.environment | self.service.environment
        return [
            *("setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"),
            *("--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"),
            *("--", "env", "-i", *(f"{name}={value}" for name, value in settings.items())),
            *("env", "-C", self.image.directory, *command),
        ]

    def _script(self, command: list[str]) -> str:
        """The mounts of the container, then its command in place of the shell."""
        root, empty = self.home / "root", self.home / "empty"
        (self.home / "hosts").write_text(self.networks.hosts(self.name))
        files = {"/etc/hosts": self.home / "hosts", **self.binds}
        writable = {_in_run(target): self.volumes[source] for source, target in self._volumes()}
        memory = {_in_run(place): options for place, options in self.service.memory_disks}
        lines = []
        for target, source in (files | writable).items():
            bound = f"mount --bind {source} {root}{target}"
            _stand_in(empty, target, is_file=source.is_file())
            lines.append(bound)
            if target not in writable:
                lines.append(f"mount -o remount,bind,ro {root}{target}")
        for target, options in memory.items():
            _stand_in(empty, target, is_file=False)
            chosen = f"-o {options}" if options else ""
            lines.append(f"mount -t tmpfs {chosen} tmpfs {root}{target}")
        run = shlex.join(["chroot", str(root), *self._as_user(command)])
        return "\n".join(
            [
                overlay([*self.image.layers, empty], str(root)),
                f"mount -t proc proc {root}/proc",
                f"mount --bind /dev {root}/dev",
                f"mount -t tmpfs -o size=64m,mode=1777 tmpfs {root}/dev/shm",
                *lines,
                f"exec {run}",
            ]
        )

    def _volumes(self) -> list[tuple[str, str]]:
        return [each for each in self.service.mounts if each[0] in self.volumes]


def _in_run(place: str) -> str:
    """/var/run is a link to /run in Debian; followed from outside, it leads to this machine's."""
    return place.replace("/var/run/", "/run/")


def _stand_in(empty: Path, target: str, *, is_file: bool) -> None:
    """The empty file or directory that something is mounted on."""
    place = empty / target.lstrip("/")
    if is_file:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    else:
        place.mkdir(parents=True, exist_ok=True)


def _command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()
