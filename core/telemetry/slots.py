"""Where the processes of one server keep their metrics, so that one of them can show all.

Each process writes files of its slot. A slot is taken again after its process ended, and its files
continue: with files by process id, every restart of a worker would leave some behind for good.
Imports nothing of the portal, because a server calls it before the settings are read.
"""

import os
import shutil
import tempfile
from pathlib import Path

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"

_slot = "main"
_taken: dict[int, int] = {}


def begin() -> None:
    """Make the directory of this server; before anything imports prometheus_client."""
    parent = Path(os.environ.get("METRICS_DIR") or tempfile.gettempdir())
    directory = parent / f"mtp-metrics-{os.getpid()}"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    os.environ[DIRECTORY] = str(directory)


def end() -> None:
    """Remove the directory of this server."""
    shutil.rmtree(os.environ.get(DIRECTORY, ""), ignore_errors=True)


def take(key: int) -> int:
    """The lowest free slot, for the process with this key; called by the process that forks."""
    used = set(_taken.values())
    slot = next(number for number in range(len(used) + 1) if number not in used)
    _taken[key] = slot
    return slot


def free(key: int) -> None:
    """Free the slot of a process that ended."""
    _taken.pop(key, None)


def enter(slot: int) -> None:
    """Write into the files of this slot from now on; called by the new process."""
    global _slot  # noqa: PLW0603 - one per process
    _slot = str(slot)


def current() -> str:
    """The slot of this process."""
    return _slot
