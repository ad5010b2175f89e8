"""A PostgreSQL made as docker-compose.yml makes it: its initdb, its two roles, its options."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from mtp.supervisor.account import service_account
from mtp.supervisor.binaries import Binaries, find_binaries
from mtp.supervisor.ports import any_free_port
from mtp.supervisor.processes import start_process, wait_until
from mtp.supervisor.state import base_directory
from tests.deployment.compose_file import services
from tests.deployment.dockerfile import ROOT

DATABASE = "mtp"
ROLES = ("postgres", "mtp_owner", "mtp_app", "mtp_backup")
# Of a cluster that is thrown away.
QUICK = ["-c", "fsync=off", "-c", "shared_buffers=64MB"]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running server, its passwords by role, its programs and its files."""

    port: int
    passwords: dict[str, str]
    programs: Path
    data: Path

    def url(self, role: str, *, database: str = DATABASE) -> str:
        """The address for a role."""
        return f"postgres://{role}:{self.passwords[role]}@127.0.0.1:{self.port}/{database}"

    def connect(self, role: str) -> psycopg.Connection[Any]:
        """A connection of a role."""
        return psycopg.connect(self.url(role), autocommit=True)

    def kill(self) -> None:
        """End the server at once, as a loss of power does."""
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        while Path(f"/proc/{postmaster}/stat").exists() and not _is_dead(postmaster):
            time.sleep(0.05)

    def manage(self, role: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`manage.py` with the role's address."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": self.url(role)},
            capture_output=True,
            text=True,
            check=False,
        )


def embedded() -> Binaries:
    """The programs of the embedded PostgreSQL; raises Refused where they are not installed."""
    return find_binaries(checkout=ROOT, base=base_directory(), account=service_account())


def _is_dead(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def server_options(data: Path, *, port: int) -> list[str]:
    """The options of the service `postgres`, for files and a port of this machine."""
    options = [
        f"hba_file={data / 'pg_hba.conf'}" if part.startswith("hba_file=") else part
        for part in services()["postgres"].command[1:]
    ]
    return ["-p", str(port), "-k", "", *options]


class _Steps:
    """The steps of the first start of the image, below an empty directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._account = service_account()
        self._service = services()["postgres"]
        self._log = directory / "log"
        self.data = directory / "data"
        self.programs = embedded().postgres.parent
        self.passwords = {role: secrets.token_hex(16) for role in ROLES}
        for role, password in self.passwords.items():
            (directory / role).write_text(f"{password}\n")
            self._account.own(directory / role)
        self._account.own(directory)

    def _start(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.defpath,
            "LANG": "en_US.utf8",
            "PGPASSWORD": self.passwords["postgres"],
            "OWNER_PASSWORD_FILE": str(self._directory / "mtp_owner"),
            "APP_PASSWORD_FILE": str(self._directory / "mtp_app"),
            "BACKUP_PASSWORD_FILE": str(self._directory / "mtp_backup"),
        }
        with self._log.open("ab") as log:
            return start_process(
                [str(self.programs / program), *arguments],
                environment=environment,
                directory=self._directory,
                output=log,
                account=self._account,
            )

    def _run(self, program: str, *arguments: str) -> None:
        status = self._start(program, *arguments).wait()
        assert status == 0, self._log.read_text()[-3000:]

    def make(self) -> None:
        """`initdb` with the arguments of the file."""
        arguments = self._service.environment["POSTGRES_INITDB_ARGS"].split()
        password = f"--pwfile={self._directory / 'postgres'}"
        at = f"--pgdata={self.data}"
        self._run("initdb", "--username=postgres", password, *arguments, at, "--no-sync")
        rules = (ROOT / "deploy/postgres/pg_hba.conf").read_bytes()
        (self.data / "pg_hba.conf").write_bytes(rules)

    def serve(self, port: int) -> subprocess.Popen[bytes]:
        """The server with the options of the file, when it answers."""
        options = server_options(self.data, port=port)
        server = self._start("postgres", "-D", str(self.data), *options, *QUICK)
        ready = [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
        assert wait_until(lambda: not subprocess.run(ready, check=False).returncode, seconds=30)
        return server

    def add_roles(self, port: int) -> None:
        """The database and `deploy/postgres/roles.sql`, twice, because it may be repeated."""
        psql = ("psql", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-X")
        self._run(*psql, "-c", f"CREATE DATABASE {DATABASE}")
        script = self._directory / "roles.sql"
        script.write_bytes((ROOT / "deploy/postgres/roles.sql").read_bytes())
        for _ in range(2):
            self._run(*psql, "-d", DATABASE, "-f", str(script))


@contextmanager
def compose_cluster(directory: Path) -> Iterator[Cluster]:
    """The cluster below an empty directory, stopped afterwards."""
    steps, port = _Steps(directory), any_free_port()
    steps.make()
    server = steps.serve(port)
    try:
        steps.add_roles(port)
        yield Cluster(port, steps.passwords, steps.programs, steps.data)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()
