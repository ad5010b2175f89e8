"""Explains a month's high-water mark: the addition that made the peak, and the second-highest peak.

docs/decisions/0009 defines local peak, peak and second-highest peak.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from core.metrics import Metric
from core.months import Month
from core.schema import require_provider_schema
from usage.ledger.month_peaks import carried_in_of
from usage.sql import statement

EVENTS_AT_INSTANT = statement("events_at_instant")
EXPLAIN_MONTH = statement("explain_month").format(
    events=EVENTS_AT_INSTANT.format(recorded_in="at >= %(earliest)s AND at < %(latest)s")
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Two versions of tzdata differ by at most this (usage/ledger/month_freeze.py).
RULES_DIFFER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PeakEvent:
    """The addition that made a peak: its subject, its author, and the counts before and after.

    `organization_name` is set where the counts are those of all organizations together.
    """

    event_id: int
    at: datetime
    subject_id: int
    subject_name: str
    actor_id: int | None
    actor_name: str
    via: str
    count_before: int
    count_after: int
    organization_id: int | None = None
    organization_name: str = ""


@dataclass(frozen=True, slots=True)
class LocalPeak:
    """A count that additions reached and did not exceed before a removal or the month's end.

    `event` is the addition that made it, None for the count carried in. `until` is the next
    removal, None without one. `together` is the number of additions at the same instant up to this
    one, `times` the number of local peaks of the month with this count.
    """

    level: int
    at: datetime
    until: datetime | None
    event: PeakEvent | None
    together: int
    times: int


class Hour(NamedTuple):
    """The events of one local hour: the count at its end, and the highest and lowest in it."""

    at: datetime
    closing: int
    highest: int
    lowest: int
    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """A month of one organization: its peak, the second-highest peak, and the hours with events.

    Of all organizations together, `organization_id` is None. Instants are in UTC; `ends_at` is the
    first one after the month. If the month is not `is_counted_whole`, usage is billed from
    `starts_at` on, and earlier events are carried in.
    """

    organization_id: int | None
    metric: Metric
    month: Month
    zone: ZoneInfo
    starts_at: datetime
    ends_at: datetime
    is_counted_whole: bool
    carried_in: int
    peak: LocalPeak
    second_peak: LocalPeak | None
    hours: tuple[Hour, ...]

    @property
    def high_water_mark(self) -> int:
        """The highest count at any instant of the month."""
        return self.peak.level

    @property
    def days(self) -> dict[date, list[Hour]]:
        """The hours by local day; days without events are left out."""
        days: dict[date, list[Hour]] = {}
        for hour in self.hours:
            day = hour.at.astimezone(self.zone).date()
            # Python's tzdata may differ from the database's, which assigns events to months.
            day = min(max(day, self.month.first_day), self.month.last_day)
            days.setdefault(day, []).append(hour)
        return days


def explain_month(
    *, organization_id: int, metric: Metric, month: Month, zone: ZoneInfo
) -> Explanation:
    """Explain the organization's high-water mark of the month.

    Reads the events alone, in one statement, or in two for a month without events, whose count is
    the one carried in. The current month is explained up to now. `zone` is the billing zone.
    Source: docs/facts/product.md, Usage.
    """
    require_provider_schema()
    starts_at, ends_at = month.starts_at(zone), month.ends_at(zone)
    parameters: dict[str, Any] = {
        "organization_id": organization_id,
        "metric": metric.value,
        "zone": zone.key,
        "first_day": month.first_day,
        "next_first_day": month.next.first_day,
        "earliest": starts_at - RULES_DIFFER,
        "latest": ends_at + RULES_DIFFER,
    }
    with connection.cursor() as cursor:
        cursor.execute(EXPLAIN_MONTH, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    is_counted_whole = not rows or rows[-1][0] is not None
    if not is_counted_whole:
        starts_at = rows.pop()[2]
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
    peak, second_peak = two_highest(local_peaks)
    return Explanation(
        organization_id=organization_id,
        metric=metric,
        month=month,
        zone=zone,
        starts_at=starts_at,
        ends_at=ends_at,
        is_counted_whole=is_counted_whole,
        carried_in=carried_in,
        peak=peak,
        second_peak=second_peak,
        hours=hours,
    )


def _local_peak(row: tuple[Any, ...]) -> LocalPeak:
    _, event_id, at, level, *_, until, times, together, subject_id, name, actor_id, actor, via = row
    event = PeakEvent(event_id, at, subject_id, name, actor_id, actor, via, level - 1, level)
    return LocalPeak(level, at, until, event, together, times)


def two_highest(local_peaks: list[LocalPeak]) -> tuple[LocalPeak, LocalPeak | None]:
    """The two highest local peaks, the highest first; of equal ones the earlier first."""
    ranked = sorted(
        local_peaks,
        key=lambda p: (-p.level, p.event is not None, p.at, p.event and p.event.event_id),
    )
    if opening := next((peak for peak in ranked if peak.event is None), None):
        # The statement did not count the opening peak in the `times` of its level.
        others = next((p.times for p in ranked if p.event and p.level == opening.level), 0)
        ranked = [
            replace(peak, times=others + 1) if peak.level == opening.level else peak
            for peak in ranked
        ]
    return ranked[0], ranked[1] if len(ranked) > 1 else None
