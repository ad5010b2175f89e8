"""The interface of an import kind, and the values that its steps exchange.

Users and devices are kinds of this app; `usage` registers the kind of activity.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from tenants.imports.file_reading import Table
from tenants.models import ImportRun, ManagedUser, Organization
from tenants.models.imports import Reason

LINES_PER_STEP = 5_000


@dataclass(frozen=True, slots=True)
class ImportLine:
    """A line of the file; `key` is the clean e-mail address or the serial number.

    An address that can't be read is as in the file. `external_id` is of a user's directory.
    """

    number: int
    key: str
    name: str
    state: ManagedUser.State = ManagedUser.State.ACTIVE
    external_id: str | None = None

    @property
    def subject(self) -> str:
        """The key or name of a refused line, with unprintable characters escaped."""
        text = self.key or self.name
        return "".join(
            character if character.isprintable() else f"\\u{ord(character):04x}"
            for character in text[:200]
        )[:200]


@dataclass(frozen=True)
class Columns:
    """The positions of the columns in use; a line takes the first filled column of each group."""

    keys: tuple[int, ...]
    names: tuple[int, ...]
    source: str
    secrets: tuple[int, ...]
    first_names: tuple[int, ...] = ()
    last_names: tuple[int, ...] = ()
    states: tuple[int, ...] = ()
    blocked: tuple[int, ...] = ()
    enabled: tuple[int, ...] = ()
    external_ids: tuple[int, ...] = ()
    possible_ids: tuple[int, ...] = ()

    def used(self) -> list[int]:
        """Every position that is read, in the order of the file."""
        return sorted(
            {
                *self.keys,
                *self.names,
                *self.first_names,
                *self.last_names,
                *self.states,
                *self.blocked,
                *self.enabled,
                *self.external_ids,
                *self.possible_ids,
            }
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that can't be imported, and the reason."""

    line: int
    reason: Reason
    subject: str
    first_line: int | None = None

    @classmethod
    def of(cls, line: ImportLine, reason: Reason, *, first_line: int | None = None) -> "Refusal":
        """The refusal of this line."""
        return cls(line.number, reason, line.subject, first_line)


def all_refused(lines: Sequence[ImportLine], reason: Reason) -> list[Refusal]:
    """The refusals of these lines for one reason."""
    return [Refusal.of(line, reason) for line in lines]


@dataclass
class CheckResult:
    """The lines of a file in order: the good ones and the refused ones.

    `changed` of the good ones change a user who is there.
    """

    good: list[ImportLine] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    changed: int = 0


@dataclass(frozen=True, slots=True)
class Recorded:
    """The number of recorded lines of a batch, and the refused lines.

    `stopped` is the reason why no later line can be recorded, None when later lines can. `changed`
    lines changed a user who was there.
    """

    count: int
    refused: list[Refusal]
    stopped: Reason | None = None
    changed: int = 0


class ImportKind(Protocol):
    """How lines of one kind are read, checked and recorded."""

    def columns_of(self, *, header: Sequence[str]) -> Columns:
        """Find the columns of the file. Raises `NotReadable`."""
        ...

    def read_line(self, *, number: int, cells: Sequence[str], columns: Columns) -> ImportLine:
        """Read a line without checking it. Missing cells are empty."""
        ...

    def check(
        self,
        *,
        table: Table,
        columns: Columns,
        organization: Organization,
        progress: Callable[[int], object],
        now: datetime,
    ) -> CheckResult:
        """Check whether each line could be recorded now, without recording it.

        `progress` is called with the number of checked lines, every `LINES_PER_STEP`.
        """
        ...

    def record(self, *, run: ImportRun, lines: Sequence[ImportLine], now: datetime) -> Recorded:
        """Record as many of the lines as possible in the running transaction."""
        ...

    def record_all(self, *, run: ImportRun, lines: Sequence[ImportLine], now: datetime) -> Recorded:
        """Record all lines; the caller rolls back if any is refused."""
        ...


_kinds: dict[str, ImportKind] = {}


def register_import_kind(name: str, kind: ImportKind) -> None:
    """Register the rules of an `ImportRun.Kind`."""
    _kinds[name] = kind


def import_kind(name: str) -> ImportKind:
    """The rules of an `ImportRun.Kind`; raises `KeyError` for one that is not registered."""
    return _kinds[name]
