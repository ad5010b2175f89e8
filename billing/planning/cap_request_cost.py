"""The cost of cap requests, shown to the administrator who answers them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from billing.choices import ContractKind
from billing.models import Contract
from billing.money import format_money, format_unit_price, round_minor
from core.metrics import Metric
from core.months import Month
from tenants.models import CapRequest
from usage.forecast.method import FEWEST_SPANS, days_until_over
from usage.forecast.months import Instant, days_of, month_of
from usage.forecast.tracks import tracked
from usage.ledger.month_peaks import organizations_with_usage


@dataclass(frozen=True, slots=True)
class CapCost:
    """The most that the requested cap can add to a month's bill, before tax.

    `added` is the number of further users it allows. `amount` and `unit_price` are empty without a
    contract, or if the contract does not bill users.
    """

    added: int
    unit_price: str = ""
    amount: str = ""
    is_committed: bool = False


@dataclass(frozen=True, slots=True)
class RequestOutlook:
    """This month's expected peak of users, and the days on which either cap is exceeded.

    A day is None if not within thirteen weeks. `is_known` is false for an organization that is too
    new for a forecast.
    """

    expected: int
    low: int
    high: int
    is_known: bool
    is_at_cap: bool
    cap_day: date | None
    requested_cap_day: date | None


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request with its organization's users and this month's high-water mark so far."""

    request: CapRequest
    users: int
    high_water_mark: int
    cost: CapCost


def cap_cost(*, requested: int, cap: int | None, users: int, contract: Contract | None) -> CapCost:
    """Multiply the unit price by the users above the present cap, or above the count if higher."""
    added = 0 if cap is None else max(0, requested - max(cap, users))
    if contract is None or Metric.USERS not in Metric(contract.metric).counted:
        return CapCost(added)
    amount = round_minor(added * contract.unit_price, contract.currency)
    return CapCost(
        added,
        unit_price=format_unit_price(contract.unit_price, contract.currency),
        amount=format_money(amount, contract.currency),
        is_committed=contract.kind == ContractKind.COMMITTED,
    )


def request_rows(
    requests: Iterable[CapRequest], *, zone: ZoneInfo, now: datetime
) -> list[RequestRow]:
    """Return the requests with usage and cost of the current month, in three statements."""
    month = Month.of(now, zone)
    contract = Contract.objects.current(month)
    listed = list(requests)
    columns = ("pk", "user_cap", "users", "this_month_hwm")
    organizations = organizations_with_usage(month=month).filter(
        pk__in={request.organization_id for request in listed}
    )
    usage = {row["pk"]: row for row in organizations.values(*columns)}
    rows = []
    for request in listed:
        row = usage[request.organization_id]
        users = row["users"]
        cost = cap_cost(
            requested=request.requested_cap, cap=row["user_cap"], users=users, contract=contract
        )
        rows.append(RequestRow(request, users, row["this_month_hwm"], cost))
    return rows


def request_outlook(*, request: CapRequest, zone: ZoneInfo, now: datetime) -> RequestOutlook | None:
    """Forecast the organization's users against both caps, in one statement.

    Returns None for an organization that does not exist any more.
    """
    instant = Instant.of(now, zone)
    tracks = tracked(
        at=now, month=instant.month, zone=zone, organization_id=request.organization_id
    )
    if not tracks:
        return None
    forecast = month_of(tracks, instant=instant, basis=Metric.USERS, free_user_limit=None)
    (organization,) = forecast.organizations
    outlook = organization.outlook
    days = days_until_over(days_of(tracks[0], Metric.USERS), limit=request.requested_cap)
    return RequestOutlook(
        expected=outlook.expected,
        low=outlook.low,
        high=outlook.high,
        is_known=outlook.spans >= FEWEST_SPANS,
        is_at_cap=organization.is_at_limit,
        cap_day=organization.cap_day,
        requested_cap_day=None if days is None else instant.day_after(days),
    )
