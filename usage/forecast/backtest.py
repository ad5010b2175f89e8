"""Backtests the forecasts: past months as they would have been forecast, beside actual values."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Min

from core.metrics import Metric
from core.months import MONTHS_OF_A_YEAR, Month
from tenants.models import Organization
from usage.forecast.active_users_months import active_month_of, active_tracked
from usage.forecast.months import Instant, MonthForecast, month_of
from usage.forecast.tracks import DAY, tracked
from usage.ledger.month_peaks import high_water_marks
from usage.models import ActiveMonth, ForecastTrial

TRIAL_DAYS = (1, 5, 10, 15, 20, 25)
NOON = timedelta(hours=12)
# Before that there is nothing to compare with: no forecast is made, and none is tried.
MONTHS_BEFORE = 3
# Counts go up and down within a month; active users only go up, and have a forecast of their own.
FORECAST_FROM_COUNTS = [metric for metric in Metric if metric.counted]
Marks = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Forecasts of past months, made on the same day of the month: mean errors over `months`.

    The first three are of all high-water marks together, the others of one organization's. `held`
    is in how many months the total stayed within the range.
    """

    day: int
    months: int
    total_error: float
    last_value_error: float
    last_month_error: float
    organization_error: float
    organization_last_value_error: float
    organization_last_month_error: float
    held: int

    @property
    def is_better(self) -> bool:
        """Whether the total absolute error is lower than those of both baselines."""
        return self.total_error < min(self.last_value_error, self.last_month_error)


def try_month(*, month: Month, zone: ZoneInfo) -> list[ForecastTrial]:
    """The month forecast at noon of each trial day, with nothing known but what was before then.

    For each basis; not saved. `zone` is the billing zone.
    """
    actual, before = _marks(month), _marks(month.previous)
    trials = []
    for day in TRIAL_DAYS:
        instant = Instant.of(month.starts_at(zone) + (day - 1) * DAY + NOON, zone)
        found = tracked(at=instant.at, month=month, zone=zone)
        for basis in FORECAST_FROM_COUNTS:
            forecast = month_of(found, instant=instant, basis=basis, free_user_limit=None)
            trials.append(_trial(forecast, day, actual[basis], before[basis]))
        active = active_month_of(active_tracked(instant=instant), heeds_thresholds=False).whole
        # Without enough months of reported activity there is no forecast.
        if active.total.spans:
            trials.append(
                _trial(active, day, actual[Metric.ACTIVE_USERS], before[Metric.ACTIVE_USERS])
            )
    return trials


def record_backtest(*, zone: ZoneInfo, now: datetime) -> int:
    """Try the months of the last year that are over and were not tried; gives how many there were.

    Repeating changes nothing: what is past stays as it was.
    """
    first = Organization.objects.aggregate(first=Min("created_at"))["first"]
    if first is None:
        return 0
    begin = Month.of(first, zone).plus(months=MONTHS_BEFORE)
    known = set(ForecastTrial.objects.values_list("month", flat=True))
    running = Month.of(now, zone)
    past = [running.plus(months=-back) for back in range(MONTHS_OF_A_YEAR, 0, -1)]
    due = [month for month in past if month >= begin and month.first_day not in known]
    for month in due:
        trials = try_month(month=month, zone=zone)
        ForecastTrial.objects.bulk_create(trials, ignore_conflicts=True)
    return len(due)


def accuracies(*, basis: Metric) -> list[Accuracy]:
    """How good forecasts were on each trial day of the last twelve months tried."""
    latest = ForecastTrial.objects.filter(basis=basis).order_by("-month", "day")
    trials = list(latest[: MONTHS_OF_A_YEAR * len(TRIAL_DAYS)])
    return [_accuracy(day, [one for one in trials if one.day == day]) for day in _days(trials)]


def accuracy_near(day: int, known: Sequence[Accuracy]) -> Accuracy | None:
    """That of the latest trial day up to this one; None before anything was tried."""
    return max((one for one in known if one.day <= day), key=lambda one: one.day, default=None)


def _days(trials: Iterable[ForecastTrial]) -> list[int]:
    return sorted({trial.day for trial in trials})


def _accuracy(day: int, trials: Sequence[ForecastTrial]) -> Accuracy:
    months = len(trials)
    organizations = sum(one.organizations for one in trials) or 1
    return Accuracy(
        day=day,
        months=months,
        total_error=sum(abs(one.expected - one.actual) for one in trials) / months,
        last_value_error=sum(abs(one.last_value - one.actual) for one in trials) / months,
        last_month_error=sum(abs(one.last_month - one.actual) for one in trials) / months,
        organization_error=sum(one.expected_errors for one in trials) / organizations,
        organization_last_value_error=sum(one.last_value_errors for one in trials) / organizations,
        organization_last_month_error=sum(one.last_month_errors for one in trials) / organizations,
        held=sum(one.low <= one.actual <= one.high for one in trials),
    )


def _marks(month: Month) -> Mapping[Metric, Marks]:
    marks: dict[Metric, Counter[int]] = {basis: Counter() for basis in Metric}
    active = ActiveMonth.objects.filter(month=month.first_day)
    marks[Metric.ACTIVE_USERS].update(dict(active.values_list("organization_id", "count")))
    for level in high_water_marks(month=month):
        pk = level.organization_id
        for basis in FORECAST_FROM_COUNTS:
            if level.metric in basis.counted:
                marks[basis][pk] = max(level.high_water_mark, marks[basis][pk])
    return marks


def _trial(forecast: MonthForecast, day: int, actual: Marks, before: Marks) -> ForecastTrial:
    one_by_one = [
        (each.outlook.expected, each.outlook.locked_in, actual[each.organization_id],
         max(each.outlook.locked_in, before[each.organization_id]))
        for each in forecast.organizations
    ]  # fmt: skip
    return ForecastTrial(
        basis=forecast.basis,
        month=forecast.instant.month.first_day,
        day=day,
        organizations=len(one_by_one),
        actual=sum(came for _, _, came, _ in one_by_one),
        expected=forecast.total.expected,
        low=forecast.total.low,
        high=forecast.total.high,
        last_value=sum(peak for _, peak, _, _ in one_by_one),
        last_month=sum(last for _, _, _, last in one_by_one),
        expected_errors=sum(abs(expected - came) for expected, _, came, _ in one_by_one),
        last_value_errors=sum(abs(peak - came) for _, peak, came, _ in one_by_one),
        last_month_errors=sum(abs(last - came) for _, _, came, last in one_by_one),
    )
