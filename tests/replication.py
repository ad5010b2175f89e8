"""A PostgreSQL with a streaming replica, both thrown away afterwards."""

import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from mtp.supervisor.account import Account, service_account
from mtp.supervisor.ports import any_free_port
from mtp.supervisor.processes import start_process, wait_until
from tests.deployment.cluster import QUICK, embedded

USER = "postgres"
MISSING = "The embedded PostgreSQL has no pg_basebackup."


def has_basebackup() -> bool:
    """Whether a replica can be made on this machine."""
    return (embedded().postgres.parent / "pg_basebackup").is_file()


@dataclass
class Server:
    """One of both servers, below `directory`."""

    directory: Path
    name: str
    database: str
    programs: Path
    password: str
    account: Account = field(default_factory=service_account)
    port: int = field(default_factory=any_free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of the portal's database."""
        return f"postgres://{USER}:{self.password}@127.0.0.1:{self.port}/{self.database}"

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.directory / self.name

    def begin(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start one of PostgreSQL's programs as its account."""
        with (self.directory / f"{self.name}.log").open("ab") as log:
            return start_process(
                [str(self.programs / program), *arguments],
                environment={"PGPASSWORD": self.password, "LANG": "C"},
                directory=self.directory,
                output=log,
                account=self.account,
            )

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs to its end."""
        log = self.directory / f"{self.name}.log"
        assert self.begin(program, *arguments).wait() == 0, log.read_text()[-2000:]

    def start(self) -> None:
        """Start the server; returns when it answers."""
        place = ("-D", str(self.data), "-p", str(self.port), "-k", "")
        locks = ("-c", "max_locks_per_transaction=256", "-c", "timezone=UTC")
        self.process = self.begin("postgres", *place, *locks, *QUICK)
        ready = [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        assert wait_until(lambda: not subprocess.run(ready, check=False).returncode, seconds=30)

    def stop(self) -> None:
        """Stop the server at once, if it runs."""
        if self.process:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(20)
            self.process = None

    def ask(self, query: str) -> Any:
        """One value from the server."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None


@contextmanager
def primary_and_replica(*, database: str) -> Iterator[tuple[Server, Server]]:
    """Both, running, with an empty database of this name."""
    # Not below pytest's directory, which only its own account may enter.
    with tempfile.TemporaryDirectory() as directory:
        yield from _both(Path(directory), database)


def _both(directory: Path, database: str) -> Iterator[tuple[Server, Server]]:
    programs, password = embedded().postgres.parent, secrets.token_hex(16)
    primary, replica = (
        Server(directory, name, database, programs, password) for name in ("primary", "replica")
    )
    (directory / "password").write_text(password)
    for path in (directory, directory / "password"):
        primary.account.own(path)
    try:
        primary.run(
            "initdb", f"--pgdata={primary.data}", f"--username={USER}", "--encoding=UTF8",
            "--locale=C", f"--pwfile={directory / 'password'}", "--no-sync",
            "--auth-host=scram-sha-256",
        )  # fmt: skip
        primary.start()
        at = ("-h", "127.0.0.1", "-p", str(primary.port), "-U", USER)
        primary.run("createdb", *at, database)
        replica.run(
            "pg_basebackup", *at, "-D", str(replica.data), "-R", "--checkpoint=fast", "--no-sync"
        )
        replica.start()
        yield primary, replica
    finally:
        replica.stop()
        primary.stop()
