"""Runs one short command to its end, shown as one line, its output in a log."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from mtp.supervisor.account import Account
from mtp.supervisor.child import CALLER, spawn, tail
from mtp.supervisor.terminal import Refused, Step


class Pausing(Protocol):
    """Whoever knows how to wait: raises when a stop was asked for."""

    def pause(self, seconds: float = ...) -> None: ...


class Patience:
    """Waits without a family around: Ctrl-C raises as it does everywhere in Python."""

    def pause(self, seconds: float = 0.1) -> None:
        time.sleep(seconds)


def run_errand(
    waiter: Pausing,
    arguments: Sequence[str],
    *,
    environment: dict[str, str],
    directory: Path,
    log: Path,
    errors: Path | None = None,
    account: Account = CALLER,
    given: str | None = None,
    step: str | None = None,
) -> str:
    """Runs a command to its end and returns what it wrote, which is appended to `log` too.

    Its error stream goes there as well, or to `errors`, which keeps it out of the answer. `given`
    is its standard input, `step` the line to show meanwhile. Raises Refused, with the end of the
    log, when it fails. Stopped early, it ends the command and its children.
    """
    shown = Step(step) if step else None
    complaints = errors or log
    with log.open("ab+") as output, complaints.open("ab") as error_output:
        began_at = output.seek(0, os.SEEK_END)
        complained_before = error_output.seek(0, os.SEEK_END)
        process = spawn(
            arguments,
            environment=environment,
            directory=directory,
            account=account,
            stop_signal=signal.SIGTERM,
            stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
            stdout=output,
            stderr=error_output,
        )
        _give(process, given)
        _await(process, waiter, shown, log=log, since=began_at)
        output.seek(began_at)
        written = output.read().decode(errors="replace")
    if process.returncode:
        why = tail(complaints, since=complained_before)
        text = f"{step or Path(arguments[0]).name} failed; {complaints}:\n{why}"
        raise Refused(text)
    if shown:
        shown.finish()
    return written


def _give(process: subprocess.Popen[bytes], given: str | None) -> None:
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write((given or "").encode())


def _await(
    process: subprocess.Popen[bytes], waiter: Pausing, shown: Step | None, *, log: Path, since: int
) -> None:
    try:
        while process.poll() is None:
            waiter.pause(0.05)
            if shown:
                shown.tick(tail(log, lines=1, since=since).strip())
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
