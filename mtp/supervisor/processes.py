"""Processes known by pid and start time, so that a reused pid is never taken for one of ours."""

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
PR_SET_PDEATHSIG = 1
# Fields of /proc/PID/stat, counted after the command's closing parenthesis.
STAT_STATE, STAT_SESSION, STAT_START = 0, 3, 19


@dataclass(frozen=True, slots=True)
class Identity:
    """A process: its pid and its start in clock ticks since boot, with the boot's own id."""

    pid: int
    started: str

    def is_alive(self) -> bool:
        return identify(self.pid) == self


def _stat(pid: int) -> list[str] | None:
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[STAT_STATE] in "ZX" else fields


def identify(pid: int) -> Identity | None:
    """Who runs under this pid now, or None; a zombie is nobody."""
    fields = _stat(pid)
    if fields is None:
        return None
    boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    return Identity(pid=pid, started=f"{boot}:{fields[STAT_START]}")


def _pids() -> Iterator[int]:
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            yield int(entry.name)


def session_members(leader: Identity) -> list[int]:
    """The pids that `leader` left in its session (each child of ours leads one), without itself.

    Empty when its pid already belongs to somebody else.
    """
    present = identify(leader.pid)
    if present not in (None, leader):
        return []
    members = []
    for pid in _pids():
        fields = _stat(pid)
        if fields and int(fields[STAT_SESSION]) == leader.pid and pid != leader.pid:
            members.append(pid)
    return members


def working_in(directory: Path) -> list[int]:
    """The pids whose working directory is `directory`: PostgreSQL's own are found by that."""
    found = []
    for pid in _pids():
        with contextlib.suppress(OSError):
            if (PROC / str(pid) / "cwd").readlink() == directory and _stat(pid):
                found.append(pid)
    return found


def send(pid: int, signal_number: int) -> None:
    """Sends the signal; a process that has gone meanwhile is none the worse for it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal_number)


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Whether `condition` came true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def end(identity: Identity, *, stop_signal: int, grace: float) -> None:
    """Ends the process, after `grace` seconds by force, and what is left of its session."""
    if identity.is_alive():
        send(identity.pid, stop_signal)
        if not wait_until(lambda: not identity.is_alive(), seconds=grace):
            send(identity.pid, signal.SIGKILL)
            wait_until(lambda: not identity.is_alive(), seconds=5)
    for pid in session_members(identity):
        send(pid, signal.SIGKILL)


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
