"""Why a month's number is what it is: the addition that made the peak, and what came next to it.

Definitions of local_peak, peak and runner-up: docs/decisions/0009.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from core.metrics import Metric
from core.months import Month
from core.schema import require_provider_schema
from usage.ledger.month_peaks import carried_in_of
from usage.models import MonthlyUsage, UsageEvent
from usage.sql import statement

EXPLAIN_MONTH = statement("explain_month")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# No two tables of a zone's rules differ by more (month_freeze.py).
RULES_DIFFER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PeakEvent:
    """Who was added when a level was reached, by whom, and the counts around it."""

    event_id: int
    at: datetime
    subject_id: int
    subject_name: str
    actor_id: int | None
    actor_name: str
    via: str
    count_before: int
    count_after: int


@dataclass(frozen=True, slots=True)
class Peak:
    """An organization's high-water mark of a month; `event` is None when it was carried in."""

    organization_id: int
    metric: Metric
    carried_in: int
    high_water_mark: int
    event: PeakEvent | None


@dataclass(frozen=True, slots=True)
class LocalPeak:
    """A level that the count rose to and did not pass before it fell, or the month ended.

    `event` is the addition that made it, None for the level the month began with. `until` is when
    the next one left, None where nobody did. `together` additions were of the same instant, up to
    this one. `times` is how many local_peaks of the month are of this level.
    """

    level: int
    at: datetime
    until: datetime | None
    event: PeakEvent | None
    together: int
    times: int


class Hour(NamedTuple):
    """The moves of one local hour: how high and low the count went and where it ended."""

    at: datetime
    level: int
    highest: int
    lowest: int
    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """A month of one organization: its peak, the runner-up, and all that moved.

    Instants are of UTC; `ends_at` is the first one after the month.
    """

    organization_id: int
    metric: Metric
    month: Month
    zone: ZoneInfo
    starts_at: datetime
    ends_at: datetime
    carried_in: int
    peak: LocalPeak
    second_peak: LocalPeak | None
    hours: tuple[Hour, ...]

    @property
    def high_water_mark(self) -> int:
        """The most at any instant of the month."""
        return self.peak.level

    @property
    def days(self) -> dict[date, list[Hour]]:
        """The hours by local day; days without a move are left out."""
        found: dict[date, list[Hour]] = {}
        for hour in self.hours:
            day = hour.at.astimezone(self.zone).date()
            # Every move of the month is on one of its days, whatever rules the zone has here.
            day = min(max(day, self.month.first_day), self.month.last_day)
            found.setdefault(day, []).append(hour)
        return found


def explain_month(
    *, organization_id: int, metric: Metric, month: Month, zone: ZoneInfo
) -> Explanation:
    """Why the organization's high-water mark of the month is what it is.

    Read from the event log alone, in one statement; in two for a month without a move, whose level
    is the one carried in. A month that is not over is explained as far as it went. `zone` is the
    billing zone. Source: docs/facts/product.md, Usage.
    """
    require_provider_schema()
    starts_at, ends_at = month.starts_at(zone), month.ends_at(zone)
    asked = {
        "organization_id": organization_id,
        "metric": metric.value,
        "zone": zone.key,
        "first_day": month.first_day,
        "next_first_day": month.next.first_day,
        "earliest": starts_at - RULES_DIFFER,
        "latest": ends_at + RULES_DIFFER,
    }
    rows = _read_month(asked)
    local_peaks = [_local_peak(row) for row in rows if not row[0]]
    hours = tuple(
        Hour(EPOCH + timedelta(microseconds=row[10]), *row[3:8]) for row in rows if row[0]
    )
    if hours:
        carried_in, first_delta = rows[len(local_peaks)][8:10]
    else:
        carried_in = carried_in_of(organization_id=organization_id, metric=metric, month=month)
        first_delta = -1
    if first_delta < 0:
        until = hours[0].at if hours else None
        local_peaks.append(LocalPeak(carried_in, starts_at, until, event=None, together=0, times=1))
    peak, second_peak = _two_highest(local_peaks)
    return Explanation(
        organization_id=organization_id,
        metric=metric,
        month=month,
        zone=zone,
        starts_at=starts_at,
        ends_at=ends_at,
        carried_in=carried_in,
        peak=peak,
        second_peak=second_peak,
        hours=hours,
    )


def peaks(
    *, month: Month, metric: Metric, organization_ids: Iterable[int] | None = None
) -> dict[int, Peak]:
    """The peaks of a month by organization, in one statement.

    Only organizations with a row: every one there was, once the month is closed; before, those
    that changed in it.
    """
    rows = MonthlyUsage.objects.filter(month=month.first_day, metric=metric.value)
    if organization_ids is not None:
        rows = rows.filter(organization_id__in=organization_ids)
    return {row.organization_id: _peak(row) for row in rows.select_related("peak_event")}


def _read_month(asked: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(EXPLAIN_MONTH, asked)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _local_peak(row: tuple[Any, ...]) -> LocalPeak:
    _, event_id, at, level, *_, until, times, together, subject_id, name, actor_id, actor, via = row
    event = PeakEvent(event_id, at, subject_id, name, actor_id, actor, via, level - 1, level)
    return LocalPeak(level, at, until, event, together, times)


def _two_highest(local_peaks: list[LocalPeak]) -> tuple[LocalPeak, LocalPeak | None]:
    """The peak and the runner-up: the highest first, the earlier of equals.

    The opening one counts along with those of its level, which the database did not know.
    """
    opening = next((local_peak for local_peak in local_peaks if local_peak.event is None), None)
    ranked = sorted(local_peaks, key=_rank)
    if opening:
        others = next((c.times for c in local_peaks if c.event and c.level == opening.level), 0)
        ranked = [
            replace(local_peak, times=others + 1)
            if local_peak.level == opening.level
            else local_peak
            for local_peak in ranked
        ]
    return ranked[0], ranked[1] if len(ranked) > 1 else None


def _rank(local_peak: LocalPeak) -> tuple[int, int]:
    # By the log's order, not by instant: two may share one, after a month was closed.
    return -local_peak.level, local_peak.event.event_id if local_peak.event else 0


def _peak(row: MonthlyUsage) -> Peak:
    return Peak(
        organization_id=row.organization_id,
        metric=Metric(row.metric),
        carried_in=row.carried_in,
        high_water_mark=row.high_water_mark,
        event=None if row.peak_event is None else _peak_event(row.peak_event),
    )


def _peak_event(event: UsageEvent) -> PeakEvent:
    return PeakEvent(
        event_id=event.pk,
        at=event.at,
        subject_id=event.subject_id,
        subject_name=event.subject_name,
        actor_id=event.actor_id,
        actor_name=event.actor_name,
        via=event.via,
        count_before=event.count_after - event.delta,
        count_after=event.count_after,
    )
