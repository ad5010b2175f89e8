"""The embedded PostgreSQL: made once, run in the foreground on loopback with a password."""

import os
import shutil
import signal
import subprocess
from functools import partial
from pathlib import Path

from mtp.supervisor.account import Account
from mtp.supervisor.binaries import Binaries
from mtp.supervisor.commands import run_command
from mtp.supervisor.process_group import ProcessGroup, Program
from mtp.supervisor.state import State

ROLE = DATABASE = "mtp"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    # Work over many providers locks the tables of many schemas in one transaction.
    "max_locks_per_transaction": "1024",
    # Sessions without a limit of their own, such as psql: what they lock is free again.
    "idle_in_transaction_session_timeout": "10min",
    "shared_buffers": "256MB",
    "fsync": "on",
    "log_line_prefix": "%m [%p] ",
    "timezone": "UTC",
}


def _service_environment(state: State) -> dict[str, str]:
    # Nothing of the caller's: a PGPORT or PGDATA of theirs must not reach our server.
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(state.directory), "LANG": "C"}


def _make_cluster(state: State, binaries: Binaries, account: Account, data: Path) -> None:
    """Makes the cluster aside and renames it last, so that a killed attempt is never mistaken."""
    draft = data.with_name("postgres.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    account.own(draft)
    command = partial(
        run_command,
        environment=_service_environment(state),
        directory=state.directory,
        log=state.logs / "postgres.log",
        account=account,
    )
    # The superuser gets no password and no way in; the role owns its database, no more.
    options = (
        "--username=postgres --auth=reject --encoding=UTF8 --locale=C --locale-provider=builtin"
    )
    command(
        [
            *[str(binaries.initdb), f"--pgdata={draft}", "--builtin-locale=C.UTF-8"],
            *options.split(),
        ]
    )
    (draft / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
    command(
        [str(binaries.postgres), "--single", "-D", str(draft), "postgres"],
        given=f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{state.secret('postgres')}'\n"
        f"CREATE DATABASE {DATABASE} OWNER {ROLE}\n",
    )
    draft.rename(data)


def start_postgres(group: ProcessGroup, *, binaries: Binaries, account: Account) -> str:
    """Starts it, made if need be, and returns its DATABASE_URL; raises Refused with its log."""
    state = group.state
    data = state.directory / "postgres"
    if not data.is_dir():
        _make_cluster(state, binaries, account, data)
    port = state.port("postgres")
    settings = SETTINGS | {"port": str(port)}
    ask = [str(binaries.pg_isready), "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "2"]
    environment = _service_environment(state)
    group.start(
        Program(
            name="postgres",
            label="PostgreSQL",
            arguments=[
                *[str(binaries.postgres), "-D", str(data)],
                *[part for name, value in settings.items() for part in ("-c", f"{name}={value}")],
            ],
            environment=environment,
            directory=state.directory,
            is_ready=lambda: subprocess.run(ask, env=environment, check=False).returncode == 0,
            account=account,
            stop_signal=signal.SIGINT,  # the fast stop: clients are disconnected, nothing is lost
            grace_seconds=30,
            pid_file=data / "postmaster.pid",
            is_service=True,
        )
    )
    return f"postgres://{ROLE}:{state.secret('postgres')}@127.0.0.1:{port}/{DATABASE}"
