"""Requests for a higher cap with what they would cost: seen beside the answer to be given."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
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

Usage = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CapCost:
    """What the asked cap can add to a month's bill before tax: nothing where users are not billed.

    `added` is how many more users there could be; `amount` and `unit_price` are empty without a
    contract or where it bills devices only.
    """

    added: int
    unit_price: str = ""
    amount: str = ""
    is_committed: bool = False


@dataclass(frozen=True, slots=True)
class RequestOutlook:
    """This month's expected peak of users, and when the cap of now and the asked one would be
    passed; None when not within thirteen weeks. Not `is_known`: too new to look ahead.
    """

    expected: int
    low: int
    high: int
    is_known: bool
    is_at_cap: bool
    cap_day: date | None
    asked_cap_day: date | None


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request beside its organization's users and this month's high-water mark so far."""

    request: CapRequest
    users: int
    high_water_mark: int
    cost: CapCost


def cap_cost(*, asked: int, cap: int | None, users: int, contract: Contract | None) -> CapCost:
    """Contract price times the users who could be added: those above the cap, or above the present
    count where that lies over the cap. Never less than nothing.
    """
    added = 0 if cap is None else max(0, asked - max(cap, users))
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
    """The requests with usage and cost of the running month, in three statements."""
    month = Month.of(now, zone)
    contract = Contract.objects.current(month)
    listed = list(requests)
    columns = ("pk", "user_cap", "users", "this_month_hwm")
    organizations = organizations_with_usage(month=month).filter(
        pk__in={request.organization_id for request in listed}
    )
    usage = {row["pk"]: row for row in organizations.values(*columns)}
    return [_row(request, usage[request.organization_id], contract) for request in listed]


def request_outlook(*, request: CapRequest, zone: ZoneInfo, now: datetime) -> RequestOutlook | None:
    """Where the organization's users are heading, beside what it asks for; in one statement.

    None for an organization that is no more.
    """
    instant = Instant.of(now, zone)
    found = tracked(at=now, month=instant.month, zone=zone, organization_id=request.organization_id)
    if not found:
        return None
    forecast = month_of(found, instant=instant, basis=Metric.USERS, free_user_limit=None)
    (one,) = forecast.organizations
    days = days_until_over(days_of(found[0], Metric.USERS), limit=request.requested_cap)
    return RequestOutlook(
        expected=one.outlook.expected,
        low=one.outlook.low,
        high=one.outlook.high,
        is_known=one.outlook.spans >= FEWEST_SPANS,
        is_at_cap=one.is_at_limit,
        cap_day=one.cap_day,
        asked_cap_day=None if days is None else instant.day_after(days),
    )


def _row(request: CapRequest, usage: Usage, contract: Contract | None) -> RequestRow:
    cost = cap_cost(
        asked=request.requested_cap, cap=usage["user_cap"], users=usage["users"], contract=contract
    )
    return RequestRow(request, usage["users"], usage["this_month_hwm"], cost)
