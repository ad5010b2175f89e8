"""`run` of the supervisor around a command, and the processes that belong to it."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import psycopg
import redis

from mtp.supervisor.processes import writing_to

CHECKOUT = Path(__file__).resolve().parents[3]


def eventually(condition: Callable[[], bool], *, seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def processes_left(base: Path) -> set[int]:
    """The pids of all that belongs to the state, of this or of an earlier run."""
    return writing_to(base / "test/logs")


def children(base: Path, *, parent: int) -> dict[str, int]:
    """The pids of the services that the supervisor `parent` runs now."""
    return {
        name: pid
        for name in ("postgres", "valkey")
        for pid in writing_to(base / f"test/logs/{name}.log")
        if parent_of(pid) == parent
    }


def run_around(
    base: Path,
    *command: str,
    output: "IO[str] | int" = subprocess.PIPE,
    path: str = os.environ["PATH"],
) -> "subprocess.Popen[str]":
    """`run -- COMMAND` through the supervisor's own code, without the set-up of `.venv`."""
    script = (
        "import sys; from mtp.supervisor import verbs;"
        "verbs.ensure_packages = lambda *_, **__: None;"
        "sys.exit(verbs.main(arguments=['run', '--', *sys.argv[1:]]))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script, *command],
        cwd=CHECKOUT,
        env={"PATH": path, "MTP_STATE_DIR": str(base)},
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
    )


# The shell in the foreground says where the services are, and stays.
REPORT = "echo DATABASE_URL=$DATABASE_URL; echo REDIS_URL=$REDIS_URL; exec sleep 1000"


class Supervisor:
    """One run of the services around a command that stays, its output collected in a file."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.output = base / f"output-{time.monotonic_ns()}"
        with self.output.open("w") as output:
            self.process = run_around(base, "sh", "-c", REPORT, output=output)

    def said(self) -> str:
        return self.output.read_text()

    def reported(self, name: str) -> str:
        pattern = re.compile(rf"^{name}=(\S+)$", re.MULTILINE)
        assert eventually(lambda: bool(pattern.search(self.said()))), self.said()
        found = pattern.search(self.said())
        assert found
        return found[1]

    @property
    def database_url(self) -> str:
        return self.reported("DATABASE_URL")

    @property
    def redis_url(self) -> str:
        return self.reported("REDIS_URL")

    def children(self) -> dict[str, int]:
        return children(self.base, parent=self.process.pid)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=30)


def answers(supervisor: Supervisor) -> bool:
    try:
        with psycopg.connect(supervisor.database_url, connect_timeout=2) as connection:
            connection.execute("SELECT 1")
        with redis.Redis.from_url(supervisor.redis_url) as client:
            return bool(client.ping())
    except (psycopg.OperationalError, redis.ConnectionError):
        return False


def commands_of(supervisor: int) -> list[int]:
    """The pids of the `sleep` commands that the supervisor runs in the foreground."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        if parent_of(pid) == supervisor and (entry / "comm").read_text().strip() == "sleep":
            found.append(pid)
    return found
