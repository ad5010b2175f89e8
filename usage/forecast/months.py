"""The forecast of a month: of each organization, and of all of them together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from core.metrics import Metric
from core.months import Month
from usage.forecast.method import (
    FEWEST_SPANS,
    Days,
    Outlook,
    days_until_over,
    month_ends_of,
    outlook,
    span_ends,
)
from usage.forecast.tracks import DAY, Tracked, tracked


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment of a billing month: how many whole days lie behind it and before it, rounded."""

    at: datetime
    month: Month
    zone: ZoneInfo

    @classmethod
    def of(cls, at: datetime, zone: ZoneInfo) -> "Instant":
        """The instant in the month that it falls in."""
        return cls(at, Month.of(at, zone), zone)

    @property
    def elapsed(self) -> int:
        """Days of the month that are over."""
        return round((self.at - self.month.starts_at(self.zone)) / DAY)

    @property
    def left(self) -> int:
        """Days of the month still to come."""
        return round((self.month.ends_at(self.zone) - self.at) / DAY)

    def day_after(self, days: int) -> date:
        """The local day so many days later."""
        return (self.at + days * DAY).astimezone(self.zone).date()


@dataclass(frozen=True, slots=True)
class OrganizationForecast:
    """One organization's month. `ends` are its peaks after each compared span.

    `cap_day` is when its users would pass their limit, None when not within the horizon; `limit` is
    the cap or the free allowance, whichever is lower.
    """

    organization_id: int
    name: str
    is_removed: bool
    present: int
    users: int
    limit: int | None
    cap_day: date | None
    outlook: Outlook
    ends: tuple[int, ...]

    @property
    def is_at_limit(self) -> bool:
        """Whether no user can be added."""
        return self.limit is not None and self.users >= self.limit

    @property
    def will_pass(self) -> bool:
        """It is at its limit, or would pass it within the horizon."""
        return self.is_at_limit or self.cap_day is not None


@dataclass(frozen=True, slots=True)
class MonthForecast:
    """A month of many organizations; `total` is of their marks together, span by span."""

    instant: Instant
    basis: Metric
    organizations: tuple[OrganizationForecast, ...]
    total: Outlook
    ends: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class CombinedForecast:
    """The month's peak of all organizations together; `ends` are those after each compared span."""

    outlook: Outlook
    ends: tuple[int, ...]


def combined_forecast(
    found: Sequence[Tracked], *, instant: Instant, basis: Metric, peak: int
) -> CombinedForecast:
    """Forecast the peak of all organizations together, from their counts added up day by day.

    `peak` is the exact one so far. Growth is that of the sums: a user who moved adds nothing.
    """
    days = _together(found, basis)
    ends = span_ends(
        days,
        present=days.levels[-1],
        peak=peak,
        elapsed=instant.elapsed,
        left=instant.left,
    )
    if sum(end is not None for end in ends) < FEWEST_SPANS:
        ends = [None] * len(ends)
    return CombinedForecast(
        outlook(locked_in=peak, ends=ends),
        ends=tuple(peak if end is None else end for end in ends),
    )


def forecast_month(
    *,
    at: datetime,
    zone: ZoneInfo,
    basis: Metric,
    free_user_limit: int | None,
    organization_id: int | None = None,
) -> MonthForecast:
    """What the month of `at` comes to, as known then, in one statement.

    Of the organizations this person may see. `zone` is the billing zone.
    """
    instant = Instant.of(at, zone)
    found = tracked(at=at, month=instant.month, zone=zone, organization_id=organization_id)
    return month_of(found, instant=instant, basis=basis, free_user_limit=free_user_limit)


def month_of(
    found: Sequence[Tracked], *, instant: Instant, basis: Metric, free_user_limit: int | None
) -> MonthForecast:
    """The forecast of counts that were read already."""
    elapsed, left = instant.elapsed, instant.left
    organizations = tuple(
        _organization(
            one,
            month_ends_of(one.of(basis), elapsed=elapsed, left=left),
            instant=instant,
            basis=basis,
            free_user_limit=free_user_limit,
        )
        for one in found
    )
    ends = tuple(zip(*(one.ends for one in organizations), strict=True))
    return MonthForecast(
        instant=instant,
        basis=basis,
        organizations=organizations,
        total=outlook(
            locked_in=sum(one.outlook.locked_in for one in organizations),
            ends=[sum(each) for each in ends],
        ),
        ends=ends,
    )


def added_up(found: Sequence[Tracked], *, basis: Metric) -> Days:
    """All organizations' counts as one, day by day."""
    return _together([one for one in found if not one.is_removed], basis)


def _together(found: Sequence[Tracked], basis: Metric) -> Days:
    if len(basis.counted) == 1:
        return Days.of_all(track for one in found for track in one.of(basis))
    return Days.added_up(days_of(one, basis) for one in found)


def days_of(one: Tracked, basis: Metric) -> Days:
    """An organization's count of the basis, day by day."""
    several = [Days.of(track) for track in one.of(basis)]
    if len(several) == 1:
        return several[0]
    levels = [max(each) for each in zip(*(days.levels for days in several), strict=True)]
    return Days(levels, levels)


def _organization(
    one: Tracked,
    ends: list[int | None],
    *,
    instant: Instant,
    basis: Metric,
    free_user_limit: int | None,
) -> OrganizationForecast:
    counted = one.of(basis)
    locked_in = max(track.peak for track in counted)
    if len(ends) - ends.count(None) < FEWEST_SPANS:
        ends = [None] * len(ends)
    limits = [limit for limit in (one.user_cap, free_user_limit) if limit is not None]
    limit = min(limits, default=None)
    return OrganizationForecast(
        organization_id=one.organization_id,
        name=one.name,
        is_removed=one.is_removed,
        present=max(track.present for track in counted),
        users=one.users.present,
        limit=None if one.is_removed else limit,
        cap_day=None if one.is_removed else _cap_day(one, limit, instant),
        outlook=outlook(locked_in=locked_in, ends=ends),
        ends=tuple([locked_in if end is None else end for end in ends]),
    )


def _cap_day(one: Tracked, limit: int | None, instant: Instant) -> date | None:
    if limit is None or not one.users.ages or one.users.present >= limit:
        return None
    days = days_until_over(Days.of(one.users), limit=limit)
    return None if days is None else instant.day_after(days)
