"""The interface of an import kind, and the values that its steps exchange.

Users and devices are kinds of this app; `usage` registers the kind of activity.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from tenants.imports.file_reading import Table
from tenants.imports.reading.options import APART, Category, Doubt, ReadingOptions
from tenants.models import ImportRun, ManagedUser, Organization
from tenants.models.imports import Reason
from tenants.users.identity import KnownUser

LINES_PER_STEP = 5_000
_LONGEST_SUBJECT = 200
# The users of lines, by their number; None of a person who is new.
Known = Mapping[int, KnownUser | None]


@dataclass(frozen=True, slots=True)
class ImportLine:
    """A line of the file; `key` is the clean e-mail address or the serial number.

    An address that can't be read is as in the file. `external_id` is of a user's directory.
    `category` says whether the line counts, and `word` is the tool's own word for that or for a
    suspended state, such as "DEPROVISIONED". `other_addresses` are clean addresses of the person
    that no other line of the file has.
    """

    number: int
    key: str
    name: str
    state: ManagedUser.State = ManagedUser.State.ACTIVE
    external_id: str | None = None
    category: Category = Category.COUNTED
    word: str = ""
    other_addresses: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """The key or name of a refused line, with unprintable characters escaped."""
        text = self.key or self.name
        if text.isprintable():
            return text[:_LONGEST_SUBJECT]
        return "".join(
            character if character.isprintable() else f"\\u{ord(character):04x}"
            for character in text[:_LONGEST_SUBJECT]
        )[:_LONGEST_SUBJECT]


@dataclass(frozen=True)
class Columns:
    """Which columns are read, and how.

    `fields` has for each field, such as "address", the positions of its columns: a line takes the
    first filled one. `secrets` are positions of columns that are never stored. `source` is the name
    of the tool that wrote the file, or empty. `doubts` are about the values of columns.
    """

    titles: tuple[str, ...]
    fields: Mapping[str, tuple[int, ...]]
    source: str = ""
    secrets: tuple[int, ...] = ()
    options: ReadingOptions = field(default_factory=ReadingOptions)
    doubts: tuple[Doubt, ...] = ()

    def of(self, name: str) -> tuple[int, ...]:
        """The positions of the columns of a field."""
        return self.fields.get(name, ())

    def used(self) -> list[int]:
        """Every position that is read, in the order of the file."""
        return sorted({position for positions in self.fields.values() for position in positions})

    def chosen(self) -> dict[str, str]:
        """The title of the first column of each field that the file has."""
        return {
            name: self.titles[positions[0]] for name, positions in self.fields.items() if positions
        }

    def doubts_of_lines(self) -> list[Doubt]:
        """What the lines have shown that were read so far."""
        return []

    def takes(self, line: ImportLine) -> bool:
        """Whether the line is imported, by its category and the person's choice."""
        return line.category == Category.COUNTED or (
            line.category in APART and line.category in self.options.include
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
    """The lines of a file in order: the good ones, the refused ones, and those that don't count.

    `changed` of the good ones change a user who is there, `renamed` of these give another address.
    `counted` are all lines of users and devices that count, also refused ones. `left` are of people
    who left; `apart` has the lines of categories that are not included, and those without activity.
    `doubts` are what reading every line has shown, beside those of the table and the columns.
    `known` has the users of the lines that have no flaw.
    """

    good: list[ImportLine] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    changed: int = 0
    renamed: int = 0
    counted: list[ImportLine] = field(default_factory=list)
    left: list[ImportLine] = field(default_factory=list)
    apart: dict[Category, list[ImportLine]] = field(default_factory=dict)
    doubts: list[Doubt] = field(default_factory=list)
    known: Known = field(default_factory=dict)

    def leave_out(self, line: ImportLine) -> None:
        """Add a line that is not imported to those of its category."""
        if line.category == Category.LEFT:
            self.left.append(line)
        else:
            self.apart.setdefault(line.category, []).append(line)


@dataclass(frozen=True, slots=True)
class Recorded:
    """The number of recorded lines of a batch, and the refused lines.

    `stopped` is the reason why no later line can be recorded, None when later lines can. `changed`
    lines changed a user who was there; `renamed` of them gave another address.
    """

    count: int
    refused: list[Refusal]
    stopped: Reason | None = None
    changed: int = 0
    renamed: int = 0


class ImportKind(Protocol):
    """How lines of one kind are read, checked and recorded."""

    @property
    def field_labels(self) -> Mapping[str, str]:
        """The fields whose columns a person can choose, with their names for the page."""
        ...

    def columns_of(self, *, table: Table, options: ReadingOptions) -> Columns:
        """Find the columns of the file, by titles and values. Raises `NotReadable`."""
        ...

    def read_line(self, *, number: int, cells: Sequence[str], columns: Columns) -> ImportLine:
        """Read a line without checking it. Missing cells are empty.

        A line that `columns.takes` not is left out of every later step.
        """
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
