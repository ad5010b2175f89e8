"""Why a month's number is what it is: the addition that made the peak, and what came next to it.

Definitions of crest, peak and runner-up: docs/decisions/0009.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.backends.utils import CursorWrapper

from mtp.schema import require_provider_schema
from usage.levels import level_of
from usage.models import Metric, MonthlyUsage, UsageEvent
from usage.periods import Month
from usage.sql import statement

EXPLAIN_MONTH = statement("explain_month")


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
class Crest:
    """A level that the count rose to and did not pass before it fell, or the month ended.

    `event` is the addition that made it, None for the level the month began with. `until` is when
    the next one left, None where nobody did. `together` additions were of the same instant, up to
    this one. `times` is how many crests of the month are of this level.
    """

    level: int
    at: datetime
    until: datetime | None
    event: PeakEvent | None
    together: int
    times: int


@dataclass(frozen=True, slots=True)
class Hour:
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
    peak: Crest
    runner_up: Crest | None
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
            found.setdefault(hour.at.astimezone(self.zone).date(), []).append(hour)
        return found


def explain_month(
    *, organization_id: int, metric: Metric, month: Month, zone: ZoneInfo
) -> Explanation:
    """Why the organization's high-water mark of the month is what it is.

    Read from the event log alone, in one statement; in two for a month without a move, whose level
    is the one carried in. A month that is not over is explained as far as it went. `zone` is the
    billing zone. Source: PRODUCT, Usage, "Why this number?".
    """
    require_provider_schema()
    starts_at, ends_at = month.starts_at(zone), month.ends_at(zone)
    asked: dict[str, Any] = {
        "organization_id": organization_id,
        "metric": metric.value,
        "zone": zone.key,
    }
    with connection.cursor() as cursor:
        cursor.execute(EXPLAIN_MONTH, asked | {"start": starts_at, "end": ends_at})
        rows = _rows(cursor)
    hours = [row for row in rows if row["is_hour"]]
    if hours:
        carried_in = hours[0]["opening"]
    else:
        carried_in = level_of(organization_id=organization_id, metric=metric, month=month)
    crests = [_crest(row) for row in rows if not row["is_hour"]]
    if not hours or hours[0]["first_delta"] < 0:
        crests.append(_opening_crest(carried_in, starts_at, hours))
    peak, runner_up = _two_highest(crests)
    return Explanation(
        organization_id=organization_id,
        metric=metric,
        month=month,
        zone=zone,
        starts_at=starts_at,
        ends_at=ends_at,
        carried_in=carried_in,
        peak=peak,
        runner_up=runner_up,
        hours=tuple(_hour(row) for row in hours),
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


def _rows(cursor: CursorWrapper) -> list[dict[str, Any]]:
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _crest(row: dict[str, Any]) -> Crest:
    return Crest(
        level=row["level"],
        at=row["at"],
        until=row["next_at"],
        event=PeakEvent(
            event_id=row["id"],
            at=row["at"],
            subject_id=row["subject_id"],
            subject_name=row["subject_name"],
            actor_id=row["actor_id"],
            actor_name=row["actor_name"],
            via=row["via"],
            count_before=row["level"] - 1,
            count_after=row["level"],
        ),
        together=row["together"],
        times=row["times"],
    )


def _opening_crest(carried_in: int, starts_at: datetime, hours: list[dict[str, Any]]) -> Crest:
    until = hours[0]["at"] if hours else None
    return Crest(level=carried_in, at=starts_at, until=until, event=None, together=0, times=1)


def _two_highest(crests: list[Crest]) -> tuple[Crest, Crest | None]:
    """The peak and the runner-up: the highest first, the earlier of equals.

    The opening one counts along with those of its level, which the database did not know.
    """
    opening = next((crest for crest in crests if crest.event is None), None)
    ranked = sorted(crests, key=_rank)
    if opening:
        others = next((c.times for c in crests if c.event and c.level == opening.level), 0)
        ranked = [
            replace(crest, times=others + 1) if crest.level == opening.level else crest
            for crest in ranked
        ]
    return ranked[0], ranked[1] if len(ranked) > 1 else None


def _rank(crest: Crest) -> tuple[int, int]:
    # By the log's order, not by instant: two may share one, after a month was closed.
    return -crest.level, crest.event.event_id if crest.event else 0


def _hour(row: dict[str, Any]) -> Hour:
    return Hour(**{field: row[field] for field in Hour.__slots__})


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
