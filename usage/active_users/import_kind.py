"""Import of activity from CSV files: reads the user and instant of each line, and records it."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime

from accounts.providers import current_provider
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
    register_import_kind,
)
from tenants.imports.reading.options import ReadingOptions
from tenants.models import EXTERNAL_ID_LENGTH, ImportRun, Organization
from tenants.models.imports import Reason
from tenants.refusals import OrganizationRemoved
from tenants.users.membership import Via
from usage.active_users.activity_columns import (
    FIELD_LABELS,
    ActivityColumns,
    ActivityLine,
    activity_columns,
)
from usage.active_users.identification import (
    IdentifiedSighting,
    RefusalReason,
    identify_users,
)
from usage.active_users.recording import Reporter, record_activity
from usage.models import ActiveMonth

_REASONS = {
    RefusalReason.UNKNOWN_USER: Reason.UNKNOWN_USER,
    RefusalReason.REMOVED_USER: Reason.REMOVED_USER,
    RefusalReason.IN_THE_FUTURE: Reason.IN_THE_FUTURE,
    RefusalReason.BEFORE_ORGANIZATION: Reason.BEFORE_ORGANIZATION,
    RefusalReason.OVER_LIMIT: Reason.OVER_THRESHOLD,
}


class ActivityImport(ImportKind):
    """The import kind of activity."""

    @property
    def field_labels(self) -> Mapping[str, str]:
        """The user, the instant, and the deletion."""
        return FIELD_LABELS

    def columns_of(self, *, table: Table, options: ReadingOptions) -> ActivityColumns:
        """The columns of the user (e-mail, else external id, else id) and of the instants.

        Raises `NotReadable` unless the file has both.
        """
        zone = current_provider().billing_zone()
        return activity_columns(table=table, options=options, billing_zone=zone)

    def read_line(self, *, number: int, cells: Sequence[str], columns: Columns) -> ActivityLine:
        """The user, and the latest of the line's instants."""
        if not isinstance(columns, ActivityColumns):
            raise TypeError(columns)
        return columns.read(number, cells)

    def check(
        self,
        *,
        table: Table,
        columns: Columns,
        organization: Organization,
        progress: Callable[[int], object],
        now: datetime,
    ) -> CheckResult:
        """Check each line alone, then its user, then the active-user limit, in file order."""
        result = CheckResult()
        valid: list[ActivityLine] = []
        for number, cells in table.lines():
            line = self.read_line(number=number, cells=cells, columns=columns)
            if not columns.takes(line):
                result.leave_out(line)
            elif reason := next(_errors(line, cells, table.header), None):
                result.refused.append(Refusal.of(line, reason))
            else:
                valid.append(line)
        checked = table.count - len(valid)
        limit = _LimitCheck(organization)
        for begin in range(0, len(valid), LINES_PER_STEP):
            batch = valid[begin : begin + LINES_PER_STEP]
            refused = _refused_in(batch, organization, limit, now=now)
            result.refused += refused
            numbers = {refusal.line for refusal in refused}
            result.good += [line for line in batch if line.number not in numbers]
            checked += len(batch)
            progress(checked)
        result.refused.sort(key=lambda refusal: refusal.line)
        return result

    def record(self, *, run: ImportRun, lines: Sequence[ImportLine], now: datetime) -> Recorded:
        """Record the lines whose users can still be recorded."""
        return self.record_all(run=run, lines=lines, now=now)

    def record_all(self, *, run: ImportRun, lines: Sequence[ImportLine], now: datetime) -> Recorded:
        """Record the lines, except those that can no longer be recorded."""
        reported = [line for line in lines if isinstance(line, ActivityLine)]
        try:
            recorded = record_activity(
                organization=run.organization,
                sightings=[line.sighting() for line in reported],
                reporter=Reporter(name=run.decided_by_name, via=Via.IMPORT),
                is_all_or_nothing=False,
                now=now,
            )
        except OrganizationRemoved:
            return Recorded(0, all_refused(reported, Reason.ORGANIZATION_REMOVED))
        refused = [
            Refusal.of(reported[position], _REASONS[reason])
            for position, reason in sorted(recorded.refused.items())
        ]
        return Recorded(len(reported) - len(refused), refused)


class _LimitCheck:
    """Counts the file's new active users by month and compares them with the active-user limit."""

    def __init__(self, organization: Organization) -> None:
        self.limit = organization.mau_limit
        counts = ActiveMonth.objects.filter(organization=organization)
        self.counts: defaultdict[date, int] = defaultdict(int, counts.values_list("month", "count"))
        self.accepted: set[tuple[int, date]] = set()

    def accepts(self, sighting: IdentifiedSighting) -> bool:
        """Count the sighting's user, unless the limit is reached."""
        key = (sighting.user_id, sighting.month)
        is_new = not (sighting.is_counted or sighting.is_closed or key in self.accepted)
        if self.limit is None or not is_new:
            return True
        if self.counts[sighting.month] >= self.limit:
            return False
        self.counts[sighting.month] += 1
        self.accepted.add(key)
        return True


def _errors(line: ActivityLine, cells: list[str], header: list[str]) -> Iterator[Reason]:
    if any(map(str.strip, cells[len(header) :])):
        yield Reason.TOO_MANY_CELLS
    if not line.key:
        yield Reason.NO_USER
    if len(line.key) > max(EXTERNAL_ID_LENGTH, 254):
        yield Reason.TOO_LONG
    if not line.key.isprintable():
        yield Reason.UNSEEN_CHARACTERS
    if not line.name:
        yield Reason.NO_INSTANT
    if line.at is None:
        yield Reason.BAD_INSTANT


def _refused_in(
    batch: Sequence[ActivityLine],
    organization: Organization,
    limit: _LimitCheck,
    *,
    now: datetime,
) -> list[Refusal]:
    sightings = [line.sighting() for line in batch]
    identified, refused = identify_users(organization=organization, sightings=sightings, now=now)
    reasons = {position: _REASONS[reason] for position, reason in refused.items()}
    for one in identified:
        if not limit.accepts(one):
            reasons[one.position] = Reason.OVER_THRESHOLD
    return [Refusal.of(batch[position], reason) for position, reason in sorted(reasons.items())]


register_import_kind(ImportRun.Kind.ACTIVITY, ActivityImport())
