"""What an import does with lines of one kind, and what passes between its steps.

Users and devices are kinds of this floor; a higher floor registers its own (usage: activity).
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
    """A line of the file as it would be added; `key` is the e-mail address or serial number."""

    number: int
    key: str
    name: str
    state: ManagedUser.State = ManagedUser.State.ACTIVE

    @property
    def shown(self) -> str:
        """What a refused line is known by, safe to show: unprintable characters are escaped."""
        text = self.key or self.name
        return "".join(
            character if character.isprintable() else f"\\u{ord(character):04x}"
            for character in text[:200]
        )[:200]


@dataclass(frozen=True)
class Columns:
    """Positions of the columns that are used; of each group a line takes the first filled one."""

    keys: tuple[int, ...]
    names: tuple[int, ...]
    source: str
    secrets: tuple[int, ...]
    first_names: tuple[int, ...] = ()
    last_names: tuple[int, ...] = ()
    states: tuple[int, ...] = ()
    blocked: tuple[int, ...] = ()
    enabled: tuple[int, ...] = ()

    def used(self) -> list[int]:
        """Every position that is read, in the file's order."""
        return sorted(
            {
                *self.keys,
                *self.names,
                *self.first_names,
                *self.last_names,
                *self.states,
                *self.blocked,
                *self.enabled,
            }
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that can't be imported."""

    line: int
    reason: Reason
    subject: str
    first_line: int | None = None

    @classmethod
    def of(cls, line: ImportLine, reason: Reason, *, first_line: int | None = None) -> "Refusal":
        """The refusal of this line."""
        return cls(line.number, reason, line.shown, first_line)


def all_refused(lines: Sequence[ImportLine], reason: Reason) -> list[Refusal]:
    """The refusals of these lines, all for the same reason."""
    return [Refusal.of(line, reason) for line in lines]


@dataclass
class Verdict:
    """Every line of a file, in order: the good and the refused."""

    good: list[ImportLine] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many lines of a batch were recorded and which were refused.

    `stopped` is the reason why no later line can be recorded either; None where later ones can.
    """

    count: int
    refused: list[Refusal]
    stopped: Reason | None = None


class ImportKind(Protocol):
    """The rules of one kind of lines: how they are read, judged and recorded."""

    def columns_of(self, *, header: Sequence[str]) -> Columns:
        """Where the file keeps what is needed; raises `NotReadable`."""
        ...

    def read_line(self, *, number: int, cells: Sequence[str], columns: Columns) -> ImportLine:
        """What the line says, before it is judged. Missing cells count as empty."""
        ...

    def judge(
        self,
        *,
        table: Table,
        columns: Columns,
        organization: Organization,
        progress: Callable[[int], object],
        now: datetime,
    ) -> Verdict:
        """Say of each line whether it could be recorded now, without recording it.

        `progress` is called with the number of lines judged, every `LINES_PER_STEP`.
        """
        ...

    def record(self, *, run: ImportRun, lines: Sequence[ImportLine], now: datetime) -> Recorded:
        """Record as many of the lines as can be, in the running transaction."""
        ...

    def record_all(
        self, *, run: ImportRun, lines: Sequence[ImportLine], now: datetime
    ) -> list[Refusal]:
        """Record all of the lines; the caller rolls back where any are returned as refused."""
        ...


_kinds: dict[str, ImportKind] = {}


def register_import_kind(name: str, kind: ImportKind) -> None:
    """Register the rules of an `ImportRun.Kind`."""
    _kinds[name] = kind


def import_kind(name: str) -> ImportKind:
    """The rules of an `ImportRun.Kind`; raises `KeyError` for one that is not registered."""
    return _kinds[name]
