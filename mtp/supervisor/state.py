"""The state directory: data, logs, generated secrets, remembered ports, and who runs now."""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import stat
from pathlib import Path
from typing import Any

from mtp.supervisor import ports
from mtp.supervisor.terminal import Refused

CHECKOUT = Path(__file__).resolve().parents[2]
ROOT_PLACES = (Path("/var/lib/mtp"), Path("/var/tmp/mtp"))  # noqa: S108 - checked below


def _make_reachable(directory: Path) -> bool:
    """Makes a directory of root's that others can pass through; False where that is impossible."""
    try:
        directory.mkdir(mode=0o711, exist_ok=True, parents=True)
        found = directory.lstat()
        # In /var/tmp another user may have made it before us.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            return False
        directory.chmod(0o711)
    except OSError:
        return False
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in directory.parents)


def base_directory() -> Path:
    """Where this checkout keeps its state.

    MTP_STATE_DIR, or `.local/` in the checkout; for root a directory that the unprivileged account
    can reach, which `/root` and other closed parents are not. Raises Refused where there is none.
    """
    chosen = os.environ.get("MTP_STATE_DIR")
    if os.geteuid() != 0:
        base = Path(chosen).resolve() if chosen else CHECKOUT / ".local"
        try:
            base.mkdir(exist_ok=True, parents=True)
        except OSError as error:
            text = f"{base} cannot be made ({error.strerror}); name another place in MTP_STATE_DIR."
            raise Refused(text) from None
        return base
    digest = hashlib.sha256(os.fsencode(CHECKOUT)).hexdigest()[:10]
    own = [place / f"{CHECKOUT.name}-{digest}" for place in ROOT_PLACES]
    for base in [Path(chosen).resolve()] if chosen else own:
        if (chosen or _make_reachable(base.parent)) and _make_reachable(base):
            return base
    text = (
        f"{chosen or ROOT_PLACES[0]} is closed to the unprivileged account that PostgreSQL runs"
        " under: name a directory whose parents others may enter in MTP_STATE_DIR."
    )
    raise Refused(text)


class State:
    """One named state below the base: `dev` for `make up`, `test` for everything that tests."""

    def __init__(self, *, base: Path, name: str) -> None:
        self.base = base
        self.name = name
        self.directory = base / name
        self.logs = self.directory / "logs"
        self.logs.mkdir(exist_ok=True, parents=True)
        self.directory.chmod(0o711)
        self._lock_file = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)

    def claim(self) -> bool:
        """Whether this process now holds the state; the kernel frees it however we end."""
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self.announce(address="")
        return True

    def announce(self, *, address: str) -> None:
        """Leaves our pid and the address, empty while starting, for `holder` of a second start."""
        text = json.dumps({"pid": os.getpid(), "address": address}).encode()
        os.pwrite(self._lock_file, text, 0)
        os.ftruncate(self._lock_file, len(text))

    def holder(self) -> tuple[int, str]:
        """The pid and address that the holder of the lock announced; (0, "") before it did."""
        try:
            said = json.loads(os.pread(self._lock_file, 4096, 0))
        except ValueError:
            return 0, ""
        return int(said["pid"]), str(said["address"])

    def secret(self, name: str, *, prefix: str = "") -> str:
        """A random secret, made once and kept."""
        kept = self._read("secrets")
        if name not in kept:
            kept[name] = prefix + secrets.token_urlsafe(48)
            self._write("secrets", kept)
        return str(kept[name])

    def port(self, name: str) -> int:
        """The remembered port of `name`, or another free one, remembered, where it is taken."""
        kept = self._read("ports")
        if name not in kept or not ports.is_free(int(kept[name])):
            kept[name] = ports.any_free_port()
            self._write("ports", kept)
        return int(kept[name])

    def _read(self, name: str) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            content = json.loads((self.directory / f"{name}.json").read_text())
            if isinstance(content, dict):
                return content
        return {}

    def _write(self, name: str, content: object) -> None:
        path = self.directory / f"{name}.json"
        draft = path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(content, indent=2))
        draft.replace(path)
