"""The forecast of the current month's bill, and the day on which a commitment is exceeded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from billing.invoicing.month_plan import MonthPlan
from billing.models import Contract
from billing.rating.estimates import Estimate, estimate
from billing.rating.rate_month import Terms
from usage.forecast.active_users_months import ActiveForecast
from usage.forecast.method import Days, Outlook, days_until_over, outlook
from usage.forecast.months import CombinedForecast, Instant, MonthForecast


@dataclass(frozen=True, slots=True)
class BillForecast:
    """A month's bill in minor units with tax: the part locked in already, low, expected and high.

    `overage` is the expected number of units above the commitment. `adjustments_minor` is the part
    of each amount that is for earlier months, before tax.
    """

    currency: str
    locked_in_minor: int
    low_minor: int
    expected_minor: int
    high_minor: int
    overage: int = 0
    adjustments_minor: int = 0

    @property
    def avoidable_minor(self) -> int:
        """The part of the expected bill that is not locked in yet."""
        return self.expected_minor - self.locked_in_minor


@dataclass(frozen=True, slots=True)
class Commitment:
    """Committed licenses and those in use; `day` is the day on which they are exceeded.

    `day` is today if they are exceeded already, and None if not within thirteen weeks.
    """

    committed: int
    in_use: int
    day: date | None


def bill_forecast(
    *,
    forecast: MonthForecast,
    plan: MonthPlan,
    terms: Terms,
    combined: CombinedForecast | None = None,
) -> BillForecast:
    """The month's bill so far, which is that of its plan, and the bill of each forecast end.

    `forecast` is of the contract's metric and of all organizations; `terms` are those of `plan`.
    The adjustments that the month carries are in each bill. `combined` is the forecast of all
    organizations together, where a commitment is compared with it.
    """
    together = combined.ends if combined else [None] * len(forecast.ends)
    bills = [
        estimate(
            terms=terms,
            quantities=ends,
            together=of_all,
            adjustments=plan.adjustments_by_kind,
        )
        for ends, of_all in zip(forecast.ends, together, strict=True)
    ]
    total = combined.outlook if combined else forecast.total
    bill = _forecast_of(total, terms, locked_in_minor=plan.total_minor, bills=bills)
    return replace(bill, adjustments_minor=plan.adjustments_minor)


def line_forecast(*, forecast: MonthForecast, terms: Terms) -> BillForecast:
    """What one organization's line comes to, with tax; `forecast` is of this organization."""
    so_far = [each.outlook.locked_in for each in forecast.organizations]
    bills = [estimate(terms=terms, quantities=ends) for ends in forecast.ends]
    locked_in_minor = estimate(terms=terms, quantities=so_far).total_minor
    return _forecast_of(forecast.total, terms, locked_in_minor=locked_in_minor, bills=bills)


def _forecast_of(
    total: Outlook, terms: Terms, *, locked_in_minor: int, bills: Sequence[Estimate]
) -> BillForecast:
    totals = outlook(locked_in=locked_in_minor, ends=[bill.total_minor for bill in bills])
    over = max(0, total.expected - terms.covered_quantity)
    return BillForecast(
        currency=terms.currency,
        locked_in_minor=totals.locked_in,
        low_minor=totals.low,
        expected_minor=totals.expected,
        high_minor=totals.high,
        overage=over if terms.covered_quantity else 0,
    )


def commitment(*, days: Days, instant: Instant, contract: Contract) -> Commitment | None:
    """Return the day on which licenses in use exceed the commitment; None without one."""
    if contract.committed_quantity is None:
        return None
    ahead = days_until_over(days, limit=contract.committed_quantity)
    return Commitment(
        committed=contract.committed_quantity,
        in_use=days.levels[-1],
        day=None if ahead is None else instant.day_after(ahead),
    )


@dataclass(frozen=True, slots=True)
class AllowanceAhead:
    """The allowance of active users, and the active users of this month so far and expected.

    `day` is the day on which the allowance is exceeded: today if it is already, None if not in
    this month or without an allowance. `is_known` is false with too few past months.
    """

    allowance: int
    active: int
    expected: int
    day: date | None
    is_known: bool

    @property
    def is_passed(self) -> bool:
        """Whether more users are active than the allowance covers."""
        return bool(self.allowance) and self.active > self.allowance

    @property
    def overage(self) -> int:
        """The expected number of active users above the allowance."""
        return max(0, self.expected - self.allowance) if self.allowance else 0


def allowance_ahead(*, forecast: ActiveForecast, allowance: int) -> AllowanceAhead:
    """Return the outlook of this month's allowance; `forecast` is of all organizations."""
    total = forecast.whole.total
    return AllowanceAhead(
        allowance=allowance,
        active=total.locked_in,
        expected=total.expected,
        day=forecast.day_over(allowance) if allowance else None,
        is_known=total.spans > 0,
    )
