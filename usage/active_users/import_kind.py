"""Import of activity from CSV files: reads the user and instant of each line, and records it."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from accounts.providers import current_provider
from core.addresses import NotAnAddress, clean_address
from core.months import YEARS, day_starts_at
from tenants.imports.columns import Header, first_filled
from tenants.imports.file_reading import NotReadable, Table
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
from tenants.users.directory_ids import clean_external_id
from tenants.users.membership import Via
from usage.active_users.identification import (
    IdentifiedSighting,
    RefusalReason,
    Sighting,
    identify_users,
)
from usage.active_users.recording import Reporter, record_activity
from usage.models import ActiveMonth

_EMAILS = ("mail", "email", "emailaddress", "primaryemail", "userprincipalname", "upn")
_EXTERNAL_IDS = ("externalid", "external")
_USER_IDS = ("userid", "id")
_INSTANTS = (
    "lastactivitydate",
    "lastactivity",
    "lastactive",
    "lastseen",
    "lastsignindate",
    "lastsignin",
    "lastlogindate",
    "lastlogin",
    "activeat",
    "seenat",
    "at",
    "timestamp",
    "time",
    "date",
    "day",
)
_MOST_DIGITS = 18
_REASONS = {
    RefusalReason.UNKNOWN_USER: Reason.UNKNOWN_USER,
    RefusalReason.REMOVED_USER: Reason.REMOVED_USER,
    RefusalReason.IN_THE_FUTURE: Reason.IN_THE_FUTURE,
    RefusalReason.BEFORE_ORGANIZATION: Reason.BEFORE_ORGANIZATION,
    RefusalReason.OVER_LIMIT: Reason.OVER_THRESHOLD,
}


@dataclass(frozen=True)
class ActivityColumns(Columns):
    """`named_by` is the field of the user that the key column holds."""

    named_by: str = "email"


@dataclass(frozen=True, slots=True)
class ActivityLine(ImportLine):
    """`key` names the user, `name` is the instant as in the file."""

    named_by: str = "email"

    def sighting(self, zone: ZoneInfo) -> Sighting:
        """The sighting to record; raises `ValueError` for an invalid instant.

        A day means its first instant. An instant without an offset is in the billing zone.
        """
        at = _instant(self.name, zone)
        if self.named_by == "email":
            return Sighting(at=at, email=self.key)
        if self.named_by == "external_id":
            return Sighting(at=at, external_id=self.key)
        if not self.key.isdecimal() or len(self.key) > _MOST_DIGITS:
            # No user has such an id.
            return Sighting(at=at, user_id=0)
        return Sighting(at=at, user_id=int(self.key))


def _instant(text: str, zone: ZoneInfo) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.year not in YEARS[1:-1]:
        raise ValueError(text)
    if instant.tzinfo is not None:
        return instant
    if instant.time() == time.min:
        return day_starts_at(day=instant.date(), zone=zone)
    return instant.replace(tzinfo=zone)


class ActivityImport(ImportKind):
    """The import kind of activity."""

    @property
    def field_labels(self) -> Mapping[str, str]:
        """The user and the instant."""
        return {"user": "User", "instant": "Last active"}

    def columns_of(self, *, table: Table, options: ReadingOptions) -> ActivityColumns:
        """The columns of the user (e-mail, else external id, else id) and of the instant.

        Raises `NotReadable` unless the file has both.
        """
        titles = Header(table.header)
        users = {
            "email": titles.find(_EMAILS),
            "external_id": titles.find(_EXTERNAL_IDS),
            "user_id": titles.find(_USER_IDS),
        }
        named_by = next((name for name, positions in users.items() if positions), "")
        instants = titles.find(_INSTANTS)
        if not named_by or not instants:
            missing = "with the day or instant" if named_by else "that names the user"
            raise NotReadable(titles.no_column(missing))
        return ActivityColumns(
            titles=tuple(table.header),
            fields={"user": users[named_by], "instant": instants},
            secrets=titles.secrets(),
            options=options,
            named_by=named_by,
        )

    def read_line(self, *, number: int, cells: Sequence[str], columns: Columns) -> ActivityLine:
        """The user and the instant, as texts."""
        named_by = columns.named_by if isinstance(columns, ActivityColumns) else "email"
        key = first_filled(cells, columns.of("user"))
        if named_by == "external_id":
            key = clean_external_id(key)
        elif named_by == "email":
            with suppress(NotAnAddress):
                key = clean_address(key)
        return ActivityLine(
            number, key, first_filled(cells, columns.of("instant")), named_by=named_by
        )

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
        result, zone = CheckResult(), current_provider().billing_zone()
        valid: list[ActivityLine] = []
        for number, cells in table.lines():
            line = self.read_line(number=number, cells=cells, columns=columns)
            reason = next(_errors(line, cells, table.header, zone), None)
            if reason is None:
                valid.append(line)
            else:
                result.refused.append(Refusal.of(line, reason))
        checked = len(result.refused)
        limit = _LimitCheck(organization)
        for begin in range(0, len(valid), LINES_PER_STEP):
            batch = valid[begin : begin + LINES_PER_STEP]
            refused = _refused_in(batch, organization, limit, zone=zone, now=now)
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
        zone = current_provider().billing_zone()
        reported = [line for line in lines if isinstance(line, ActivityLine)]
        try:
            recorded = record_activity(
                organization=run.organization,
                sightings=[line.sighting(zone) for line in reported],
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


def _errors(
    line: ActivityLine, cells: list[str], header: list[str], zone: ZoneInfo
) -> Iterator[Reason]:
    if any(cells[len(header) :]):
        yield Reason.TOO_MANY_CELLS
    if not line.key:
        yield Reason.NO_USER
    if len(line.key) > max(EXTERNAL_ID_LENGTH, 254):
        yield Reason.TOO_LONG
    if not line.key.isprintable():
        yield Reason.UNSEEN_CHARACTERS
    if not line.name:
        yield Reason.NO_INSTANT
    try:
        line.sighting(zone)
    except (ValueError, OverflowError):
        yield Reason.BAD_INSTANT


def _refused_in(
    batch: Sequence[ActivityLine],
    organization: Organization,
    limit: _LimitCheck,
    *,
    zone: ZoneInfo,
    now: datetime,
) -> list[Refusal]:
    sightings = [line.sighting(zone) for line in batch]
    identified, refused = identify_users(organization=organization, sightings=sightings, now=now)
    reasons = {position: _REASONS[reason] for position, reason in refused.items()}
    for one in identified:
        if not limit.accepts(one):
            reasons[one.position] = Reason.OVER_THRESHOLD
    return [Refusal.of(batch[position], reason) for position, reason in sorted(reasons.items())]


register_import_kind(ImportRun.Kind.ACTIVITY, ActivityImport())
