"""The forecast of a month's active users: of each organization, and of all of them together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from core.metrics import Metric
from core.months import MONTHS_OF_A_YEAR, Month
from core.schema import require_provider_schema
from core.scope import visible_organizations
from usage.forecast.active_users_method import (
    ActivePart,
    active_ends,
    compared,
    day_over,
    shares_by_day,
)
from usage.forecast.method import FEWEST_SPANS, outlook
from usage.forecast.months import Instant, MonthForecast, OrganizationForecast
from usage.sql import statement

ACTIVE_TRACKS = statement("active_tracks")


@dataclass(frozen=True, slots=True)
class ActiveTracked:
    """An organization's months, oldest first: thirteen past ones and the running one."""

    organization_id: int
    name: str
    threshold: int | None
    is_removed: bool
    months: tuple[ActivePart, ...]

    @property
    def running(self) -> ActivePart:
        """The month that is forecast."""
        return self.months[-1]


@dataclass(frozen=True, slots=True)
class ActiveFound:
    """What was read: organizations, and each past month's active users by day."""

    instant: Instant
    months: tuple[Month, ...]
    organizations: tuple[ActiveTracked, ...]
    by_day: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class ActiveForecast:
    """The month's forecast. `totals` are what all come to after each past month, `shares` by which
    day; thresholds refuse what would pass them, so that passes no allowance either.
    """

    whole: MonthForecast
    totals: tuple[int, ...]
    shares: tuple[tuple[float, ...], ...]

    def day_over(self, limit: int) -> date | None:
        """When all together would pass a limit in this month; today when they have."""
        return _day(self.whole.instant, self.whole.total.locked_in, self.totals, self.shares, limit)


def active_tracked(*, instant: Instant) -> ActiveFound:
    """The organizations that this person may see, as known at the instant, in one statement.

    Uses nothing that was seen or reported later. Includes removed organizations, for their past.
    """
    require_provider_schema()
    ids = visible_organizations()
    running = instant.month
    months = [running.plus(months=-back) for back in range(MONTHS_OF_A_YEAR + 1, -1, -1)]
    starts = [month.starts_at(instant.zone) for month in months]
    ends = [month.ends_at(instant.zone) for month in months]
    share = (instant.at - starts[-1]) / (ends[-1] - starts[-1])
    asked: dict[str, Any] = {
        "at": instant.at,
        "days": running.last_day.day,
        "months": [month.first_day for month in months],
        "starts": starts,
        "cuts": [start + (end - start) * share for start, end in zip(starts, ends, strict=True)],
        "ends": ends,
        "visible": None if ids is None else sorted(ids),
    }
    with connection.cursor() as cursor:
        cursor.execute(ACTIVE_TRACKS, asked)
        rows = cursor.fetchall()
    return ActiveFound(
        instant=instant,
        months=tuple(months),
        organizations=tuple(_tracked(row) for row in rows if row[0] is not None),
        by_day=tuple(tuple(row[4]) for row in rows if row[0] is None)[1:-1],
    )


def active_month_of(found: ActiveFound, *, heeds_thresholds: bool = True) -> ActiveForecast:
    """The forecast of what was read: month by month of the past, so that all add up.

    Thresholds are those of today, so a past month is forecast without them.
    """
    instant = found.instant
    pooled = [
        ActivePart._make(map(sum, zip(*month, strict=True)))
        for month in zip(*(one.months for one in found.organizations), strict=True)
    ]
    known = [n for n, past in enumerate(compared(pooled[:-1])) if past is not None]
    if len(known) < FEWEST_SPANS:
        known = []
    together = _Together(
        instant=instant,
        known=tuple(known),
        parts=tuple(pooled[n + 1] for n in known),
        shares=tuple(_shares(instant, found.by_day[n], pooled[n + 1]) for n in known),
    )
    organizations = tuple(
        _organization(one, together, threshold=one.threshold if heeds_thresholds else None)
        for one in found.organizations
        if not one.is_removed or one.running.reached
    )
    ends = tuple(zip(*(one.ends for one in organizations), strict=True))
    totals = tuple(sum(each) for each in ends)
    whole = MonthForecast(
        instant=instant,
        basis=Metric.ACTIVE_USERS,
        organizations=organizations,
        total=outlook(locked_in=sum(one.outlook.locked_in for one in organizations), ends=totals),
        ends=ends,
    )
    return ActiveForecast(whole, totals=totals, shares=together.shares)


@dataclass(frozen=True, slots=True)
class _Together:
    """All organizations' past months that say something: their places, parts and days."""

    instant: Instant
    known: tuple[int, ...]
    parts: tuple[ActivePart, ...]
    shares: tuple[tuple[float, ...], ...]


def _shares(instant: Instant, days: Sequence[int], past: ActivePart) -> tuple[float, ...]:
    today = instant.at.astimezone(instant.zone).day
    return tuple(shares_by_day(days, reached=past.reached, today=today))


def _organization(
    one: ActiveTracked, together: _Together, *, threshold: int | None
) -> OrganizationForecast:
    running, past = one.running, compared(one.months[:-1])
    ends = active_ends(
        running,
        own=[past[n] for n in together.known],
        together=together.parts,
        threshold=threshold,
    )
    if one.is_removed:
        ends, threshold = [(running.reached, running.reached)] * len(ends), None
    wanted = [without for _, without in ends]
    is_below = threshold is not None and running.reached < threshold
    return OrganizationForecast(
        organization_id=one.organization_id,
        name=one.name,
        is_removed=one.is_removed,
        present=running.reached,
        users=running.reached,
        limit=threshold,
        cap_day=_day(together.instant, running.reached, wanted, together.shares, threshold or 0)
        if is_below
        else None,
        outlook=outlook(locked_in=running.reached, ends=[end for end, _ in ends]),
        ends=tuple(end for end, _ in ends),
    )


def _day(
    instant: Instant,
    present: int,
    wanted: Sequence[int],
    shares: Sequence[Sequence[float]],
    limit: int,
) -> date | None:
    days = day_over(present, wanted=wanted, shares=shares, limit=limit)
    today = instant.at.astimezone(instant.zone).date()
    return None if days is None else today + timedelta(days=days)


def _tracked(row: Sequence[Any]) -> ActiveTracked:
    organization_id, name, threshold, is_removed, reached, final, there = row
    months = tuple(map(ActivePart._make, zip(reached, final, there, strict=True)))
    return ActiveTracked(organization_id, name, threshold, is_removed, months)


def forecast_active_month(*, at: datetime, zone: ZoneInfo) -> ActiveForecast:
    """What the month of `at` comes to in active users. `zone` is the billing zone."""
    return active_month_of(active_tracked(instant=Instant.of(at, zone)))
