"""Processes are started to end with the supervisor, and are recognised by the log they write to.

The standard output of each process of a state is a log of that state, and the processes it forks
inherit it. That identifies all of them, also after the supervisor was killed, without recorded
pids, which the machine may have given to another process since.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from mtp.supervisor.account import CALLER, Account, accounts

PR_SET_PDEATHSIG = 1


def start_process(
    arguments: Sequence[str],
    *,
    environment: dict[str, str],
    directory: Path,
    output: IO[bytes],
    errors: IO[bytes] | None = None,
    typed: IO[bytes] | None = None,
    account: Account = CALLER,
    stop_signal: int = signal.SIGTERM,
    pass_fds: tuple[int, ...] = (),
) -> subprocess.Popen[bytes]:
    """Starts a process under the account; it gets `stop_signal` when the supervisor dies.

    It leads its own session, so that Ctrl-C at the terminal reaches the supervisor alone. Its
    standard input is `typed`, or empty; its error stream goes to `errors`, or to `output`.
    """
    return subprocess.Popen(
        arguments,
        env=environment,
        cwd=directory,
        stdin=typed or subprocess.DEVNULL,
        stdout=output,
        stderr=errors or output,
        start_new_session=True,
        pass_fds=pass_fds,
        user=account.uid,
        group=account.gid,
        extra_groups=None if account.uid is None else [],
        # The kernel forgets the signal at a change of user: Popen calls this after that.
        preexec_fn=die_with_parent(stop_signal),  # noqa: PLW1509 - one thread only
    )


def await_end(process: subprocess.Popen[bytes], *, grace_seconds: float) -> None:
    """Returns when the process has ended; kills it, with its session, after `grace_seconds`."""
    try:
        process.wait(timeout=grace_seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def die_with_parent(signal_number: int) -> Callable[[], None]:
    """For `preexec_fn`: the kernel sends the child `signal_number` when the supervisor dies.

    Loaded beforehand, because nothing may be imported between fork and exec.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def arrange() -> None:
        prctl(PR_SET_PDEATHSIG, signal_number)
        if os.getppid() != parent:
            os._exit(1)

    return arrange


def _writes_to(process: Path, place: Path) -> bool:
    for number in ("1", "2"):
        with contextlib.suppress(OSError):
            if (process / "fd" / number).readlink().is_relative_to(place):
                return True
    return False


def writing_to(place: Path) -> set[int]:
    """The pids whose output or error stream is `place`, a log or the directory of the logs.

    A container's root may lack the right to look at another account's processes, so each account
    looks at its own.
    """
    found = set()
    for viewer in accounts():
        with viewer.assumed():
            for process in Path("/proc").glob("[0-9]*"):
                if _writes_to(process, place):
                    found.add(int(process.name))
    return found


def end_writers(place: Path, *, grace_seconds: float = 0) -> None:
    """Kills the processes that still write to `place` after `grace_seconds`."""

    def killed() -> bool:
        left = writing_to(place)
        for pid in left:
            send(pid, signal.SIGKILL)
        return not left

    wait_until(lambda: not writing_to(place), seconds=grace_seconds)
    wait_until(killed, seconds=5)


def send(pid: int, signal_number: int) -> None:
    """Sends the signal; does nothing where the process has ended meanwhile."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal_number)


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Whether `condition` became true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
