"""The base of the imports of users and devices, which add members to an organization."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import connection

from core.actors import Actor
from core.text import plain_text
from tenants.imports.file_reading import Table
from tenants.imports.kinds import (
    LINES_PER_STEP,
    CheckResult,
    Columns,
    ImportKind,
    ImportLine,
    Known,
    Recorded,
    Refusal,
    all_refused,
)
from tenants.imports.reading.options import Category
from tenants.imports.remaining_seats import RemainingSeats
from tenants.imports.rules import Rules, says_state
from tenants.models import CountedRow, ImportRun, Organization
from tenants.models.imports import Reason
from tenants.refusals import Because, OrganizationRemoved, ProviderLeft, UserCapReached
from tenants.users.bulk_membership import NewMember, add_members
from tenants.users.membership import Via

LONGEST_NAME = 200
_PRESENT = """
    SELECT k.key FROM unnest(%s::text[]) AS k (key)
    WHERE EXISTS (SELECT FROM {table} m WHERE m.organization_id = %s
                  AND lower(m.{key}) = lower(k.key) AND m.removed_at IS NULL)
"""


class FirstLines:
    """The first line of each member in a file."""

    def __init__(self) -> None:
        self._by_key: dict[str, int] = {}

    def of(self, line: ImportLine) -> int:
        """The number of the first line with this line's member: its own, if it is the first."""
        return self._by_key.setdefault(line.key.lower(), line.number)


@dataclass(frozen=True, slots=True)
class Present:
    """The lines whose members are there: those that change them, and the refused others.

    `unchanged` lines of a sync change nothing; in an addition they are refused. `renamed` of the
    changed ones give another address. `known` has the users of all lines.
    """

    changed: frozenset[int]
    refused: dict[int, Refusal]
    unchanged: frozenset[int] = frozenset()
    renamed: int = 0
    known: Known = field(default_factory=dict)

    def has(self, line: ImportLine) -> bool:
        """Whether the line adds no member."""
        number = line.number
        return number in self.changed or number in self.refused or number in self.unchanged


class MemberImport(ImportKind, ABC):
    """An import whose lines become users or devices, identified by their key."""

    model: ClassVar[type[CountedRow]]

    @abstractmethod
    def flaws(self, line: ImportLine) -> Iterator[Reason]:
        """The reasons to refuse the line on its own."""

    def first_lines(self) -> FirstLines:
        """The first lines of a file that is read from its beginning."""
        return FirstLines()

    def present(
        self,
        lines: Sequence[ImportLine],
        organization: Organization,
        rules: Rules,  # noqa: ARG002 - for users
    ) -> Present:
        """The lines whose members the organization has."""
        with connection.cursor() as cursor:
            cursor.execute(
                _PRESENT.format(table=self.model._meta.db_table, key=self.model.key_field),
                [[line.key for line in lines], organization.pk],
            )
            keys = {key for (key,) in cursor.fetchall()}
        there = [line for line in lines if line.key in keys]
        refused = {line.number: Refusal.of(line, Reason.ALREADY_THERE) for line in there}
        return Present(frozenset(), refused)

    def change(
        self,
        *,
        run: ImportRun,
        lines: Sequence[ImportLine],
        now: datetime,  # noqa: ARG002 - as above
    ) -> Present:
        """Change the members of these lines that are there; the others are left to be added."""
        return self.present(lines, run.organization, Rules())

    def add(
        self, *, run: ImportRun, lines: Sequence[ImportLine], now: datetime
    ) -> set[tuple[str, str | None]]:
        """Add the lines in one statement; returns key and external id of those added.

        Raises `UserCapReached`, `OrganizationRemoved` and `ProviderLeft`, with none of them added.
        """
        return add_members(
            model=self.model,
            organization=run.organization,
            members=[
                NewMember(line.key, line.name, line.external_id, line.state) for line in lines
            ],
            actor=Actor.stored(run.decided_by_id, run.decided_by_name),
            via=Via.IMPORT,
            now=now,
        )

    def seats(
        self,
        organization: Organization,  # noqa: ARG002 - users have a limit
        now: datetime,  # noqa: ARG002 - as above
    ) -> RemainingSeats | None:
        """The seats that are left in the organization; None without a limit."""
        return None

    def check(
        self,
        *,
        table: Table,
        columns: Columns,
        organization: Organization,
        progress: Callable[[int], object],
        now: datetime,
    ) -> CheckResult:
        """Check each line on its own, against earlier lines, the members and the seats left."""
        sound, apart = CheckResult(), []
        first_lines = self.first_lines()
        for count, (number, cells) in enumerate(table.lines(), 1):
            line = self.read_line(number=number, cells=cells, columns=columns)
            if columns.takes(line):
                sound.counted.append(line)
            if line.category == Category.LEFT:
                sound.leave_out(line)
            elif not columns.takes(line):
                apart.append(line)
            elif reason := self._flaw(line, cells, table.header):
                sound.refused.append(Refusal.of(line, reason))
            else:
                _add_once(line, first_lines, sound, add=sound.good.append)
            if count % LINES_PER_STEP == 0:
                progress(count)
        # A person who is counted by any line is not apart.
        for line in apart:
            if next(self.flaws(line), None) is None:
                _add_once(line, first_lines, sound, add=sound.leave_out)
            else:
                sound.leave_out(line)
        del first_lines  # as large as the lines; the users are read next
        rules = Rules(says_state(columns))
        result = self._against_organization(sound.good, organization, rules, now)
        result.refused = sorted([*sound.refused, *result.refused], key=lambda refusal: refusal.line)
        result.left, result.apart, result.counted = sound.left, sound.apart, sound.counted
        result.doubts = columns.doubts_of_lines()
        return result

    def record(self, *, run: ImportRun, lines: Sequence[ImportLine], now: datetime) -> Recorded:
        """Change the members that are there, and add the others, or as many as there are seats."""
        present = self.change(run=run, lines=lines, now=now)
        lines = [line for line in lines if not present.has(line)]
        refused = list(present.refused.values())
        added, changed, size = 0, len(present.changed), len(lines)
        while lines:
            try:
                added_members = self.add(run=run, lines=lines[:size], now=now)
            except UserCapReached as reached:
                size, reason = _seats_left(reached), _over_limit(reached.because)
            except OrganizationRemoved:
                size, reason = 0, Reason.ORGANIZATION_REMOVED
            except ProviderLeft:
                size, reason = 0, Reason.PROVIDER_LEFT
            else:
                added += len(added_members)
                refused += _not_added(lines[:size], added_members)
                lines = lines[size:]
                size = len(lines)
                continue
            if not size:
                refused += all_refused(lines, reason)
                return Recorded(added, refused, reason, changed, present.renamed)
        return Recorded(added, refused, changed=changed, renamed=present.renamed)

    def record_all(self, *, run: ImportRun, lines: Sequence[ImportLine], now: datetime) -> Recorded:
        """Change and add all in two statements."""
        present = self.change(run=run, lines=lines, now=now)
        new = [line for line in lines if not present.has(line)]
        refused = list(present.refused.values())
        added: set[tuple[str, str | None]] = set()
        try:
            if new:
                added = self.add(run=run, lines=new, now=now)
        except UserCapReached as reached:
            refused += all_refused(new[_seats_left(reached) :], _over_limit(reached.because))
        except OrganizationRemoved:
            refused += all_refused(new, Reason.ORGANIZATION_REMOVED)
        except ProviderLeft:
            refused += all_refused(new, Reason.PROVIDER_LEFT)
        else:
            refused += _not_added(new, added)
        return Recorded(len(added), refused, changed=len(present.changed), renamed=present.renamed)

    def _flaw(self, line: ImportLine, cells: list[str], header: list[str]) -> Reason | None:
        if any(map(str.strip, cells[len(header) :])):
            return Reason.TOO_MANY_CELLS
        return next(self.flaws(line), None)

    def _against_organization(
        self, lines: list[ImportLine], organization: Organization, rules: Rules, now: datetime
    ) -> CheckResult:
        """Check the lines against the members, then against the seats left, in order."""
        present = self.present(lines, organization, rules)
        result = CheckResult(
            changed=len(present.changed), renamed=present.renamed, known=present.known
        )
        seats = self.seats(organization, now)
        left = seats.left if seats else None
        new = 0
        for line in lines:
            if line.number in present.refused:
                result.refused.append(present.refused[line.number])
                continue
            if line.number not in present.changed:
                if seats and left is not None and new >= left:
                    result.refused.append(Refusal.of(line, _over_limit(seats.because)))
                    continue
                new += 1
            result.good.append(line)
        return result


def _add_once(
    line: ImportLine,
    first_lines: FirstLines,
    result: CheckResult,
    *,
    add: Callable[[ImportLine], object],
) -> None:
    """Add the line, or refuse it if an earlier one has the same member."""
    first = first_lines.of(line)
    if first == line.number:
        add(line)
    else:
        result.refused.append(Refusal.of(line, Reason.TWICE_IN_FILE, first_line=first))


def has_unseen(text: str) -> bool:
    """Return True for characters that are invisible and mean nothing in a name."""
    if text.isprintable():
        return False
    try:
        plain_text(text)
    except ValidationError:
        return True
    return False


OVER_LIMIT = {
    Because.CAP: Reason.OVER_CAP,
    Because.FREE_ALLOWANCE: Reason.OVER_ALLOWANCE,
    Because.ACCOUNT_LIMIT: Reason.OVER_ACCOUNT_LIMIT,
}


def _over_limit(because: Because) -> Reason:
    return OVER_LIMIT[because]


def _seats_left(reached: UserCapReached) -> int:
    """The number of users that could still be added; fewer than the refused number."""
    return max(0, reached.cap - reached.count)


def _not_added(lines: Sequence[ImportLine], added: set[tuple[str, str | None]]) -> list[Refusal]:
    present = [line for line in lines if (line.key, line.external_id) not in added]
    return all_refused(present, Reason.ALREADY_THERE)
