"""The unprivileged account that PostgreSQL and Valkey run under when the supervisor is root."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from mtp.supervisor.terminal import Refused


@dataclass(frozen=True, slots=True)
class Account:
    """Who the services run as, and where they live; `uid` None means: as the caller."""

    uid: int | None
    gid: int | None

    def own(self, path: Path) -> None:
        """Gives one file or directory to the account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def service_account() -> Account:
    """The caller, or `nobody` when that is root: PostgreSQL refuses to run as root.

    Raises Refused where root has no such account to drop to.
    """
    if os.geteuid() != 0:
        return Account(uid=None, gid=None)
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        text = (
            "PostgreSQL does not run as root, and this machine has no account `nobody` to use"
            " instead: run as an ordinary user, or set DATABASE_URL and REDIS_URL."
        )
        raise Refused(text) from None
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)
