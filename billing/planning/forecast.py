"""What a running month is expected to cost, and when a commitment would be passed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from billing.choices import ContractKind
from billing.models import BillingProfile, Contract
from billing.rating.estimates import Estimate, estimate
from billing.rating.rate_month import Terms
from billing.rating.terms import terms_of
from core.months import Month
from usage.forecast.active_users_months import ActiveForecast
from usage.forecast.method import Days, days_until_over, outlook
from usage.forecast.months import Instant, MonthForecast


@dataclass(frozen=True, slots=True)
class BillForecast:
    """A month's bill in minor units, tax included: locked in already, low, expected and high.

    `avoidable_minor` is what of the expected is not locked in yet. `overage` is how many units
    above a commitment are expected.
    """

    currency: str
    locked_in_minor: int
    low_minor: int
    expected_minor: int
    high_minor: int
    overage: int = 0

    @property
    def avoidable_minor(self) -> int:
        """What can still be kept off the bill."""
        return self.expected_minor - self.locked_in_minor


@dataclass(frozen=True, slots=True)
class Commitment:
    """Committed licenses beside those in use; `day` is when they would be passed, None when not
    within thirteen weeks. `day` is today when they are passed already.
    """

    committed: int
    in_use: int
    day: date | None


def running_contract(*, month: Month, free_user_limit: int | None) -> Contract | None:
    """The contract that will bill a month that is not over; None inside the free allowance."""
    contract = Contract.objects.current(month)
    if contract is None or contract.kind == ContractKind.COMMITTED:
        return contract
    return contract if free_user_limit is None else None


def bill_forecast(
    *, forecast: MonthForecast, contract: Contract, prepaid_quantity: int = 0
) -> BillForecast:
    """The month rated as it stands, and after each of the compared spans; in one statement.

    `forecast` is of the contract's basis and of all organizations. `prepaid_quantity` are the packs
    that hold in the month, where active users are billed.
    """
    profile = BillingProfile.objects.current()
    agreed = terms_of(contract, profile, has_card=False)
    terms = replace(agreed, prepaid_quantity=prepaid_quantity)
    locked_in = _bill(terms, [one.outlook.locked_in for one in forecast.organizations])
    bills = [_bill(terms, quantities) for quantities in forecast.ends]
    totals = outlook(locked_in=locked_in.total_minor, ends=[bill.total_minor for bill in bills])
    over = max(0, forecast.total.expected - terms.covered_quantity)
    return BillForecast(
        currency=contract.currency,
        locked_in_minor=totals.locked_in,
        low_minor=totals.low,
        expected_minor=totals.expected,
        high_minor=totals.high,
        overage=over if terms.covered_quantity else 0,
    )


def commitment(*, days: Days, instant: Instant, contract: Contract) -> Commitment | None:
    """When the licenses in use would pass the commitment; None without one."""
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
    """The allowance of active users beside those expected; `day` is when it would be passed, today
    when it is already, None when not in this month or where nothing is covered. Too few past
    months and it is not `is_known`.
    """

    allowance: int
    active: int
    expected: int
    day: date | None
    is_known: bool

    @property
    def is_passed(self) -> bool:
        """More are active than are covered."""
        return bool(self.allowance) and self.active > self.allowance

    @property
    def overage(self) -> int:
        """How many above the allowance are expected."""
        return max(0, self.expected - self.allowance) if self.allowance else 0


def allowance_ahead(*, forecast: ActiveForecast, allowance: int) -> AllowanceAhead:
    """When the running month's allowance would be passed; `forecast` is of all organizations."""
    total = forecast.whole.total
    return AllowanceAhead(
        allowance=allowance,
        active=total.locked_in,
        expected=total.expected,
        day=forecast.day_over(allowance) if allowance else None,
        is_known=total.spans > 0,
    )


def _bill(terms: Terms, quantities: Sequence[int]) -> Estimate:
    return estimate(terms=terms, quantities=quantities)
