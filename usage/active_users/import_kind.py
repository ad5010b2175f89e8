"""Activity from a CSV file: whom a line means, when, and whether it can be recorded."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from accounts.providers import current_provider
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
from tenants.models import EXTERNAL_ID_LENGTH, ImportRun, Organization
from tenants.models.imports import Reason
from tenants.refusals import OrganizationRemoved
from tenants.users.membership import Via
from usage.active_users.identification import IdentifiedUsers, Refused, Sighting, look_up
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
    Refused.UNKNOWN_USER: Reason.UNKNOWN_USER,
    Refused.REMOVED_USER: Reason.REMOVED_USER,
    Refused.IN_THE_FUTURE: Reason.IN_THE_FUTURE,
    Refused.BEFORE_ORGANIZATION: Reason.BEFORE_ORGANIZATION,
    Refused.OVER_THRESHOLD: Reason.OVER_THRESHOLD,
}


@dataclass(frozen=True)
class ActivityColumns(Columns):
    """`named_by` is what of a user the key is."""

    named_by: str = "email"


@dataclass(frozen=True, slots=True)
class ActivityLine(ImportLine):
    """`key` names the user, `name` is the instant as the file writes it."""

    named_by: str = "email"

    def sighting(self, zone: ZoneInfo) -> Sighting:
        """As it is recorded. Raises `ValueError` for what is no instant or no id.

        A day is its first instant, and one without an offset from UTC is the billing zone's.
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
    """How an import handles activity."""

    def columns_of(self, *, header: Sequence[str]) -> ActivityColumns:
        """Who: e-mail, else external id, else id; and when. `NotReadable` without both."""
        titles = Header(header)
        who = {
            "email": titles.find(_EMAILS),
            "external_id": titles.find(_EXTERNAL_IDS),
            "user_id": titles.find(_USER_IDS),
        }
        named_by = next((name for name, found in who.items() if found), "")
        instants = titles.find(_INSTANTS)
        if not named_by or not instants:
            missing = "with the day or instant" if named_by else "that names the user"
            raise NotReadable(titles.no_column(missing))
        return ActivityColumns(
            keys=who[named_by], names=instants, source="", secrets=(), named_by=named_by
        )

    def read_line(self, *, number: int, cells: Sequence[str], columns: Columns) -> ActivityLine:
        """Who and when, as texts."""
        return ActivityLine(
            number,
            first_filled(cells, columns.keys),
            first_filled(cells, columns.names),
            named_by=columns.named_by if isinstance(columns, ActivityColumns) else "email",
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
        """Each line by itself, then against the users, then against the threshold, in order."""
        result, zone = CheckResult(), _zone()
        sound: list[ActivityLine] = []
        for number, cells in table.lines():
            line = self.read_line(number=number, cells=cells, columns=columns)
            reason = next(_flaws(line, cells, table.header, zone), None)
            if reason is None:
                sound.append(line)
            else:
                result.refused.append(Refusal.of(line, reason))
        checked = len(result.refused)
        room = _Room(organization)
        for begin in range(0, len(sound), LINES_PER_STEP):
            batch = sound[begin : begin + LINES_PER_STEP]
            refused = _against_users(batch, organization, room, zone=zone, now=now)
            result.refused += refused
            gone = {refusal.line for refusal in refused}
            result.good += [line for line in batch if line.number not in gone]
            checked += len(batch)
            progress(checked)
        result.refused.sort(key=lambda refusal: refusal.line)
        return result

    def record(self, *, run: ImportRun, lines: Sequence[ImportLine], now: datetime) -> Recorded:
        """Record the lines whose users can still be recorded."""
        refused = self.record_all(run=run, lines=lines, now=now)
        return Recorded(len(lines) - len(refused), refused)

    def record_all(
        self, *, run: ImportRun, lines: Sequence[ImportLine], now: datetime
    ) -> list[Refusal]:
        """Record the lines; those that can't be recorded any more, with why."""
        zone = _zone()
        reported = [line for line in lines if isinstance(line, ActivityLine)]
        try:
            recorded = record_activity(
                organization=run.organization,
                sightings=[line.sighting(zone) for line in reported],
                reporter=Reporter(name=run.decided_by_name, via=Via.IMPORT),
                is_whole=False,
                now=now,
            )
        except OrganizationRemoved:
            return all_refused(reported, Reason.ORGANIZATION_REMOVED)
        return [
            Refusal.of(reported[place], _REASONS[reason])
            for place, reason in sorted(recorded.refused.items())
        ]


class _Room:
    """How many new active users there is room for in each month; everyone already let in."""

    def __init__(self, organization: Organization) -> None:
        self.threshold = organization.mau_limit
        counts = ActiveMonth.objects.filter(organization=organization)
        self.counts: defaultdict[date, int] = defaultdict(int, counts.values_list("month", "count"))
        self.let_in: set[tuple[int, date]] = set()

    def takes(self, found: IdentifiedUsers) -> bool:
        """Whether there is room for it, which it takes."""
        if found.is_counted or found.is_closed or self.threshold is None:
            return True
        key = (found.user_id, found.month)
        if key in self.let_in:
            return True
        if self.counts[found.month] >= self.threshold:
            return False
        self.counts[found.month] += 1
        self.let_in.add(key)
        return True


def _zone() -> ZoneInfo:
    return current_provider().billing_zone()


def _flaws(
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


def _against_users(
    batch: Sequence[ActivityLine],
    organization: Organization,
    room: _Room,
    *,
    zone: ZoneInfo,
    now: datetime,
) -> list[Refusal]:
    sightings = [line.sighting(zone) for line in batch]
    found, refused = look_up(organization=organization, sightings=sightings, now=now)
    reasons = {place: _REASONS[reason] for place, reason in refused.items()}
    for one in found:
        if not room.takes(one):
            reasons[one.place] = Reason.OVER_THRESHOLD
    return [Refusal.of(batch[place], reason) for place, reason in sorted(reasons.items())]


register_import_kind(ImportRun.Kind.ACTIVITY, ActivityImport())
