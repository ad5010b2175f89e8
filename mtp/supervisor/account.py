"""The unprivileged account that PostgreSQL and Valkey run under when the supervisor is root."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mtp.supervisor.terminal import Refused


@dataclass(frozen=True, slots=True)
class Account:
    """The account that runs a process; `uid` None means the caller's own."""

    uid: int | None
    gid: int | None

    def own(self, path: Path) -> None:
        """Gives one file or directory to the account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    @contextmanager
    def assumed(self) -> Iterator[None]:
        """Inside, the supervisor acts with the rights of the account."""
        if self.uid is None or self.gid is None:
            yield
            return
        try:
            os.setegid(self.gid)
            os.seteuid(self.uid)
            yield
        finally:
            os.seteuid(0)
            os.setegid(0)


CALLER = Account(uid=None, gid=None)


def _unprivileged() -> Account | None:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return None
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


def service_account() -> Account:
    """The caller, or `nobody` when that is root: PostgreSQL refuses to run as root.

    Raises Refused where root has no such account to drop to.
    """
    account = _unprivileged() if os.geteuid() == 0 else CALLER
    if account is None:
        text = (
            "PostgreSQL does not run as root, and this machine has no account `nobody` to use"
            " instead: run as an ordinary user, or set DATABASE_URL and REDIS_URL."
        )
        raise Refused(text)
    return account


def accounts() -> list[Account]:
    """All accounts that processes of ours may run under."""
    unprivileged = _unprivileged() if os.geteuid() == 0 else None
    return [CALLER, unprivileged] if unprivileged else [CALLER]
