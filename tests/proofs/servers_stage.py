"""Several PostgreSQL servers on this machine, as one portal; and clients of a provider that moves.

Imported before Django is set up: `portal_of_servers` makes the servers and the environment.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mtp.supervisor.account import service_account
from mtp.supervisor.binaries import find_binaries
from mtp.supervisor.ports import any_free_port
from mtp.supervisor.processes import start_process, wait_until
from mtp.supervisor.state import base_directory

ROOT = Path(__file__).resolve().parent.parent.parent
DATABASE = "mtp"
# Moves and migrates; clients and workers have the app's role.
OWNER, APP = "mtp_owner", "mtp_app"
# fsync stays on: a killed server must keep what it confirmed.
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "wal_level": "logical",
    # As docs/scaling.md says.
    "max_wal_senders": "11",
    "max_replication_slots": "11",
    "max_worker_processes": "11",
    "max_logical_replication_workers": "11",
    "max_slot_wal_keep_size": "1GB",
    "max_connections": "100",
    "max_locks_per_transaction": "1024",
    "shared_buffers": "64MB",
    "timezone": "UTC",
}
DATABASES = f"""
ALTER ROLE postgres PASSWORD '%s'
CREATE DATABASE {DATABASE}
"""


class Server:
    """A PostgreSQL below a directory of its account."""

    def __init__(self, directory: Path, password: str) -> None:
        self.account = service_account()
        self.binaries = find_binaries(checkout=ROOT, base=base_directory(), account=self.account)
        self.directory, self.password = directory, password
        self.data, self.log = directory / "data", directory / "log"
        self.port = any_free_port()
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir()
        self.account.own(directory)

    @property
    def url(self) -> str:
        return f"postgres://{OWNER}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"

    def make(self) -> None:
        """`initdb` and the database."""
        self._run(
            str(self.binaries.initdb),
            *("--username=postgres", "--auth=reject", "--encoding=UTF8", "--locale=C", "--no-sync"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", f"--pgdata={self.data}"),
        )
        rules = "host all all 127.0.0.1/32 scram-sha-256\n"
        (self.data / "pg_hba.conf").write_text(rules)
        self._run(
            *(str(self.binaries.postgres), "--single", "-D", str(self.data), "postgres"),
            given=DATABASES % self.password,
        )

    def add_roles(self) -> None:
        """`deploy/postgres/roles.sql`, as with several servers."""
        script, password = self.directory / "roles.sql", self.directory / "password"
        script.write_bytes((ROOT / "deploy/postgres/roles.sql").read_bytes())
        password.write_text(self.password)
        files = {f"{role}_PASSWORD_FILE": str(password) for role in ("OWNER", "APP", "BACKUP")}
        self._run(
            *(str(self.binaries.postgres.parent / "psql"), "-X", "-h", "127.0.0.1"),
            *("-p", str(self.port), "-U", "postgres", "-d", DATABASE, "-f", str(script)),
            environment={**files, "PGPASSWORD": self.password, "DATABASE_SERVERS": "2"},
        )

    def copy_of(self, other: "Server") -> None:
        """The same cluster as another one that is stopped: faster than making it again."""
        shutil.copytree(other.data, self.data, copy_function=shutil.copy)
        for path in (self.data, *self.data.rglob("*")):
            self.account.own(path)

    def _run(
        self, *arguments: str, given: str = "", environment: dict[str, str] | None = None
    ) -> None:
        with self.log.open("ab") as log, tempfile.TemporaryFile() as typed:
            typed.write(given.encode())
            typed.seek(0)
            process = self._start(list(arguments), log, typed=typed, environment=environment)
            assert process.wait() == 0, self.log.read_text()[-3000:]

    def _start(
        self, arguments: list[str], log, typed=None, environment=None
    ) -> subprocess.Popen[bytes]:
        return start_process(
            arguments,
            environment={"PATH": os.defpath, "LANG": "C", **(environment or {})},
            directory=self.directory,
            output=log,
            typed=typed,
            account=self.account,
        )

    def start(self) -> None:
        """Serve; returns when it answers."""
        options = OPTIONS | {"port": str(self.port)}
        arguments = [part for name, it in options.items() for part in ("-c", f"{name}={it}")]
        with self.log.open("ab") as log:
            self._process = self._start(
                [str(self.binaries.postgres), "-D", str(self.data), *arguments], log
            )
        ready = [str(self.binaries.pg_isready), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        assert wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, seconds=60), (
            self.log.read_text()[-3000:]
        )

    def end(self, stop_signal: int = signal.SIGINT) -> None:
        """Stop it. SIGQUIT ends it as a crash does: all processes at once, nothing flushed."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(stop_signal)
            self._process.wait(60)

    def kill(self) -> None:
        """End it as a crash does."""
        self.end(signal.SIGQUIT)


@dataclass(frozen=True)
class Portal:
    """The servers by number; the first is the directory."""

    servers: dict[int, Server]


@contextmanager
def portal_of_servers(count: int) -> Iterator[Portal]:
    """So many servers with the portal's tables, linked, as the environment of this process."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mtp.settings")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        base = Path(name)
        base.chmod(0o755)
        password = secrets.token_hex(16)
        servers = {n: Server(base / f"server{n}", password) for n in range(1, count + 1)}
        os.environ |= {f"DATABASE_URL_{n}": each.url for n, each in servers.items()}
        os.environ["DATABASE_URL"] = servers[1].url
        os.environ["POSTGRES_BIN"] = str(servers[1].binaries.postgres.parent)
        servers[1].make()
        servers[1].start()
        stack.callback(servers[1].end)
        servers[1].add_roles()
        _migrate(several=False)
        servers[1].end()
        for number, each in servers.items():
            if number > 1:
                each.copy_of(servers[1])
        os.environ["DATABASE_SERVERS"] = ",".join(str(n) for n in servers if n > 1)
        for number, each in servers.items():
            each.start()
            if number > 1:
                stack.callback(each.end)
        stack.callback(servers[1].end)
        _migrate(several=True)
        yield Portal(servers)


def _migrate(*, several: bool) -> None:
    """The tables of the public schema of one server; later the links between all."""
    ran = subprocess.run(
        [sys.executable, "manage.py", "migrate_providers"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_SERVERS": os.environ.get("DATABASE_SERVERS", "")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{several}: {ran.stdout[-2000:]}{ran.stderr[-2000:]}"
