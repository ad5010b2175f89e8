"""A Redis with a replica and three sentinels, each a real process on loopback."""

import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from mtp.supervisor.ports import any_free_port
from mtp.supervisor.processes import wait_until
from tests.deployment.cluster import embedded

NAME = "Portal"


@dataclass
class Watched:
    """The running processes. `ports` are those of the master, the replica and the sentinels."""

    password: str
    ports: list[int]
    processes: list["subprocess.Popen[bytes]"]

    @property
    def environment(self) -> dict[str, str]:
        """What an operator sets."""
        sentinels = ",".join(f"127.0.0.1:{port}" for port in self.ports[2:])
        return {
            "REDIS_URL": f"redis://:{self.password}@{NAME}/0",
            "REDIS_SENTINELS": sentinels,
            "REDIS_SENTINEL_PASSWORD": self.password,
        }

    def kill_master(self) -> None:
        """Kill the first master."""
        self.processes[0].kill()
        self.processes[0].wait()

    def master_port(self) -> int:
        """Where the sentinels say that the master is."""
        with redis.Redis(port=self.ports[2], password=self.password) as sentinel:
            return int(sentinel.sentinel_master(NAME)["port"])

    def knows_all(self) -> bool:
        """Whether each sentinel knows the replica and the other two."""
        for port in self.ports[2:]:
            with redis.Redis(port=port, password=self.password) as sentinel:
                seen = sentinel.sentinel_master(NAME)
                if (seen["num-slaves"], seen["num-other-sentinels"]) != (1, 2):
                    return False
        return True


def server() -> str:
    """Debian's redis-server where it is installed, otherwise the embedded Valkey."""
    return shutil.which("redis-server") or str(embedded().valkey_server)


@contextmanager
def watched_redis(directory: Path) -> Iterator[Watched]:
    """All five, when they know each other; stopped afterwards."""
    password = secrets.token_hex(16)
    ports = [any_free_port() for _ in range(5)]
    watched = Watched(password, ports, [])
    common = f'bind 127.0.0.1\nrequirepass {password}\nmasterauth {password}\nsave ""\n'
    sentinel = (
        f"bind 127.0.0.1\nrequirepass {password}\n"
        f"sentinel monitor {NAME} 127.0.0.1 {ports[0]} 2\n"
        f"sentinel auth-pass {NAME} {password}\n"
        f"sentinel sentinel-pass {password}\n"
        f"sentinel down-after-milliseconds {NAME} 1000\n"
        f"sentinel failover-timeout {NAME} 4000\n"
    )
    texts = [common, f"{common}replicaof 127.0.0.1 {ports[0]}\n", sentinel, sentinel, sentinel]
    try:
        for number, (port, text) in enumerate(zip(ports, texts, strict=True)):
            place = directory / str(number)
            place.mkdir()
            file = place / "conf"
            file.write_text(f"port {port}\ndir {place}\n{text}")
            arguments = [server(), str(file), *(["--sentinel"] if number > 1 else [])]
            with (place / "log").open("wb") as log:
                watched.processes.append(
                    subprocess.Popen(arguments, stdout=log, stderr=subprocess.STDOUT)
                )
        assert wait_until(lambda: _is_up(watched), seconds=30)
        yield watched
    finally:
        for process in watched.processes:
            process.kill()
            process.wait()


def _is_up(watched: Watched) -> bool:
    try:
        return watched.knows_all()
    except redis.RedisError:
        return False
