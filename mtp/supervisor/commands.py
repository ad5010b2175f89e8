"""Runs one short command to its end, shown as one line, its output in a log."""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile

from mtp.supervisor.account import CALLER, Account
from mtp.supervisor.processes import await_end, start_process
from mtp.supervisor.terminal import Refused, Step


def run_command(
    arguments: Sequence[str],
    *,
    environment: dict[str, str],
    directory: Path,
    log: Path,
    errors: Path | None = None,
    account: Account = CALLER,
    given: str = "",
    step: str | None = None,
) -> str:
    """Runs a command to its end and returns what it wrote, which is appended to `log` too.

    Its error stream goes there as well, or to `errors`, which keeps it out of the answer. `given`
    is its standard input, `step` the line to show meanwhile. Raises Refused, with the end of the
    log, when it fails. An exception meanwhile stops the command.
    """
    shown = Step(step) if step else None
    complaints = errors or log
    with (
        TemporaryFile() as typed,
        log.open("ab+") as output,
        complaints.open("ab") as error_output,
    ):
        typed.write(given.encode())
        typed.seek(0)
        began_at = output.seek(0, os.SEEK_END)
        complained_before = error_output.seek(0, os.SEEK_END)
        process = start_process(
            arguments,
            environment=environment,
            directory=directory,
            output=output,
            errors=error_output,
            typed=typed,
            account=account,
        )
        _await(process, shown, log=log, since=began_at)
        output.seek(began_at)
        written = output.read().decode(errors="replace")
    if process.returncode:
        text = f"{step or Path(arguments[0]).name} failed; {complaints}:\n"
        raise Refused(text + tail(complaints, since=complained_before))
    if shown:
        shown.finish()
    return written


def _await(process: subprocess.Popen[bytes], shown: Step | None, *, log: Path, since: int) -> None:
    """Returns when the command has ended; an exception meanwhile stops it."""
    try:
        while process.poll() is None:
            time.sleep(0.05)
            if shown:
                shown.tick(tail(log, lines=1, since=since).strip())
    finally:
        process.terminate()
        await_end(process, grace_seconds=5)


def tail(log: Path, *, lines: int = 15, since: int = 0) -> str:
    """The last lines of a log after byte `since`: why something failed, or how far it is."""
    try:
        with log.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(since, stream.tell() - 8192))
            text = stream.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])
