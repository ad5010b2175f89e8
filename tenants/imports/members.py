"""The base of the imports of users and devices, which add members to an organization."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
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
    Recorded,
    Refusal,
    all_refused,
)
from tenants.imports.remaining_seats import RemainingSeats
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


class MemberImport(ImportKind, ABC):
    """An import whose lines become users or devices, identified by their key."""

    model: ClassVar[type[CountedRow]]

    @abstractmethod
    def flaws(self, line: ImportLine) -> Iterator[Reason]:
        """The reasons to refuse the line on its own."""

    def add(self, *, run: ImportRun, lines: Sequence[ImportLine], now: datetime) -> set[str]:
        """Add the lines in one statement and return the keys of those added.

        Raises `UserCapReached`, `OrganizationRemoved` and `ProviderLeft`, with none of them added.
        """
        return add_members(
            model=self.model,
            organization=run.organization,
            members=[NewMember(line.key, line.name, state=line.state) for line in lines],
            actor=Actor(id=run.decided_by_id, name=run.decided_by_name),
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
        sound = CheckResult()
        first_lines: dict[str, int] = {}
        for count, (number, cells) in enumerate(table.lines(), 1):
            line = self.read_line(number=number, cells=cells, columns=columns)
            reason = self._flaw(line, cells, table.header)
            first = first_lines.setdefault(line.key.lower(), number) if reason is None else number
            if first != number:
                reason = Reason.TWICE_IN_FILE
            if reason is None:
                sound.good.append(line)
            else:
                first_line = first if first != number else None
                sound.refused.append(Refusal.of(line, reason, first_line=first_line))
            if count % LINES_PER_STEP == 0:
                progress(count)
        result = self._against_organization(sound.good, organization, now)
        result.refused = sorted([*sound.refused, *result.refused], key=lambda refusal: refusal.line)
        return result

    def record(self, *, run: ImportRun, lines: Sequence[ImportLine], now: datetime) -> Recorded:
        """Add the lines, or as many as there are seats for."""
        added, refused = 0, list[Refusal]()
        size = len(lines)
        while lines:
            try:
                added_keys = self.add(run=run, lines=lines[:size], now=now)
            except UserCapReached as reached:
                size, reason = _seats_left(reached), _over_limit(reached.because)
            except OrganizationRemoved:
                size, reason = 0, Reason.ORGANIZATION_REMOVED
            except ProviderLeft:
                size, reason = 0, Reason.PROVIDER_LEFT
            else:
                added += len(added_keys)
                refused += _not_added(lines[:size], added_keys)
                lines = lines[size:]
                size = len(lines)
                continue
            if not size:
                return Recorded(added, refused + all_refused(lines, reason), reason)
        return Recorded(added, refused)

    def record_all(
        self, *, run: ImportRun, lines: Sequence[ImportLine], now: datetime
    ) -> list[Refusal]:
        """Add all lines in one statement; return those that can't be added."""
        try:
            added_keys = self.add(run=run, lines=lines, now=now)
        except UserCapReached as reached:
            return all_refused(lines[_seats_left(reached) :], _over_limit(reached.because))
        except OrganizationRemoved:
            return all_refused(lines, Reason.ORGANIZATION_REMOVED)
        except ProviderLeft:
            return all_refused(lines, Reason.PROVIDER_LEFT)
        return _not_added(lines, added_keys)

    def _flaw(self, line: ImportLine, cells: list[str], header: list[str]) -> Reason | None:
        if any(cells[len(header) :]):
            return Reason.TOO_MANY_CELLS
        return next(self.flaws(line), None)

    def _against_organization(
        self, lines: list[ImportLine], organization: Organization, now: datetime
    ) -> CheckResult:
        """Check the lines against the members, then against the seats left, in order."""
        result = CheckResult()
        present = self._present([line.key for line in lines], organization)
        seats = self.seats(organization, now)
        left = seats.left if seats else None
        for line in lines:
            if line.key in present:
                result.refused.append(Refusal.of(line, Reason.ALREADY_THERE))
            elif seats and left is not None and len(result.good) >= left:
                result.refused.append(Refusal.of(line, _over_limit(seats.because)))
            else:
                result.good.append(line)
        return result

    def _present(self, keys: list[str], organization: Organization) -> set[str]:
        with connection.cursor() as cursor:
            cursor.execute(
                _PRESENT.format(table=self.model._meta.db_table, key=self.model.key_field),
                [keys, organization.pk],
            )
            return {key for (key,) in cursor.fetchall()}


def has_unseen(text: str) -> bool:
    """Return True for characters that are invisible and mean nothing in a name."""
    if text.isprintable():
        return False
    try:
        plain_text(text)
    except ValidationError:
        return True
    return False


def _over_limit(because: Because) -> Reason:
    return Reason.OVER_CAP if because == Because.CAP else Reason.OVER_ALLOWANCE


def _seats_left(reached: UserCapReached) -> int:
    """The number of users that could still be added; fewer than the refused number."""
    return max(0, reached.cap - reached.count)


def _not_added(lines: Sequence[ImportLine], added_keys: set[str]) -> list[Refusal]:
    present = [line for line in lines if line.key not in added_keys]
    return all_refused(present, Reason.ALREADY_THERE)
