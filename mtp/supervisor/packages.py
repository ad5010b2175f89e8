"""`.venv` with the locked packages: made when missing, renewed when the lock changed."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mtp.supervisor import system
from mtp.supervisor.commands import run_command
from mtp.supervisor.settings import venv_python
from mtp.supervisor.state import CHECKOUT
from mtp.supervisor.terminal import done, event

VENV = CHECKOUT / ".venv"
STAMP = VENV / "installed-locks.json"
# There while pip works. Found later, pip was killed, and what it calls installed may have holes.
INSTALLING = VENV / "installing"
SUITS = "import sys, pip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))"


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def _pins(lock: Path) -> set[str]:
    """`name==version` of a lock file, with its marker."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    return {line.rstrip(" \\") for line in lines if "==" in line and line[0].isalnum()}


def _installed() -> dict[str, str]:
    try:
        found = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _works() -> bool:
    if not venv_python().exists():
        return False
    try:
        return (
            subprocess.run(
                [venv_python(), "-c", SUITS], check=False, stderr=subprocess.DEVNULL
            ).returncode
            == 0
        )
    except OSError:
        return False


@contextmanager
def _alone(base: Path) -> Iterator[None]:
    """One set-up at a time: `make up` and `make test` may start together."""
    with (base / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            event("Waiting for another set-up of this checkout")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make_venv(base: Path) -> None:
    if VENV.exists() or VENV.is_symlink():
        event("Replacing a half-made .venv")
        shutil.rmtree(VENV)
    system.require_venv_module(base)
    run_command(
        [sys.executable, "-m", "venv", str(VENV)],
        environment=dict(os.environ),
        directory=CHECKOUT,
        log=base / "setup.log",
        step=f"Making .venv with Python {sys.version.split()[0]}",
    )


def _install(lock: Path, base: Path) -> None:
    names = _pins(lock)
    INSTALLING.touch()
    pip = "-m pip install --require-hashes --no-deps --no-input --disable-pip-version-check"
    # Compiling all modules takes a quarter of pip's time; Python compiles those it imports.
    run_command(
        [str(venv_python()), *pip.split(), "--no-compile", "--requirement", str(lock)],
        environment=dict(os.environ),
        directory=CHECKOUT,
        log=base / "setup.log",
        step=f"Installing {len(names)} locked packages",
    )
    stamps = _installed() | {lock.name: _digest(lock)}
    # The lock of the tests holds that of `make up`: `make up` after `make test` installs nothing.
    for other in lock.parent.glob("*.txt"):
        if _pins(other) <= names:
            stamps[other.name] = _digest(other)
    STAMP.write_text(json.dumps(stamps, indent=2), encoding="utf-8")
    INSTALLING.unlink()


def ensure_packages(base: Path, *, lock_name: str) -> None:
    """Makes `.venv` hold exactly what `requirements/<lock_name>` says, hashes checked.

    Raises Refused, with the end of the log, when it cannot.
    """
    lock = CHECKOUT / "requirements" / lock_name
    with _alone(base):
        if (
            not INSTALLING.exists()
            and _installed().get(lock_name) == _digest(lock)
            and venv_python().exists()
        ):
            done("Packages", "ready")
            return
        if INSTALLING.exists() or not _works():
            _make_venv(base)
        _install(lock, base)
