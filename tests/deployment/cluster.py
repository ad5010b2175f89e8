"""A PostgreSQL made as docker-compose.yml makes it: its initdb, its two roles, its options."""

import os
import secrets
import signal
import subprocess
import sys
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
ROLES = ("postgres", "mtp_owner", "mtp_app")
# Of a cluster that is thrown away.
QUICK = ["-c", "fsync=off", "-c", "shared_buffers=64MB"]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running server, its passwords by role, and its programs."""

    port: int
    passwords: dict[str, str]
    programs: Path

    def url(self, role: str, *, database: str = DATABASE) -> str:
        """The address for a role."""
        return f"postgres://{role}:{self.passwords[role]}@127.0.0.1:{self.port}/{database}"

    def connect(self, role: str) -> psycopg.Connection[Any]:
        """A connection of a role."""
        return psycopg.connect(self.url(role), autocommit=True)

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


class _Steps:
    """The steps of the first start of the image, below an empty directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._account = service_account()
        self._service = services()["postgres"]
        self._log = directory / "log"
        self._data = directory / "data"
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
        at = f"--pgdata={self._data}"
        self._run("initdb", "--username=postgres", password, *arguments, at, "--no-sync")
        with (self._data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all all scram-sha-256\n")

    def serve(self, port: int) -> subprocess.Popen[bytes]:
        """The server with the options of the file, when it answers."""
        place = ("-D", str(self._data), "-p", str(port), "-k", "")
        server = self._start("postgres", *place, *self._service.command[1:], *QUICK)
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
        yield Cluster(port, steps.passwords, steps.programs)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()
