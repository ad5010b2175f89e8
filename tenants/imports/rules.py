"""By which rules the lines of a file change the users who are there."""

from dataclasses import dataclass

from tenants.imports.kinds import Columns, ImportLine
from tenants.models import ImportRun
from tenants.users.changes import Change
from tenants.users.identity import KnownUser

# The fields that say whether a user is suspended; without one of them every line seems active.
_STATE_FIELDS = ("state", "blocked", "enabled")


@dataclass(frozen=True, slots=True)
class Rules:
    """What a file may change: `says_state` if it has a column of states; a sync changes more.

    An addition changes the address and the name of a user whose directory id the line has, and of
    others only the state. A sync changes the name too. Nothing of a line without an id changes an
    address: it may be an old one.
    """

    says_state: bool = False
    is_sync: bool = False

    @classmethod
    def of(cls, run: ImportRun) -> "Rules":
        """Those of a checked import."""
        return cls(run.says_state, is_sync=run.purpose == ImportRun.Purpose.SYNC)

    def change(self, line: ImportLine, user: KnownUser, *, replaces_id: bool = False) -> Change:
        """What the line changes of its user; perhaps nothing."""
        state = line.state if self.says_state else None
        has_id = line.external_id is not None
        return Change(
            user,
            line.key if has_id else user.email,
            line.name if has_id or self.is_sync else "",
            line.external_id,
            state,
            replaces_id=replaces_id,
        )


def says_state(columns: Columns) -> bool:
    """Whether a column of the file says who is suspended."""
    return any(columns.of(name) for name in _STATE_FIELDS)
