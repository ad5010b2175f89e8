"""The cost of cap requests, shown to the administrator who answers them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from billing.contracts.licenses import in_use
from billing.models import Contract
from billing.money import round_minor
from core.metrics import Metric
from core.months import Month
from tenants.models import CapRequest
from usage.forecast.method import days_until_over
from usage.forecast.months import Instant, OrganizationForecast, days_of, month_of
from usage.forecast.tracks import tracked
from usage.ledger.month_peaks import organizations_with_usage


@dataclass(frozen=True, slots=True)
class CapCost:
    """The most that the requested cap can add to a month's bill, before tax, in minor units.

    `added` is the number of further users that it allows, without the `covered` ones that fit into
    a commitment for all organizations together, at the contract's unit price.
    """

    added: int
    covered: int
    amount_minor: int
    contract: Contract


def cap_cost(
    *,
    requested: int,
    cap: int | None,
    users: int,
    contract: Contract | None,
    licenses_left: int = 0,
) -> CapCost | None:
    """Multiply the unit price by the users above the present cap, or above the count if higher.

    Of them, `licenses_left` cost nothing. Returns None without a contract, or if the contract does
    not bill users.
    """
    if contract is None or Metric.USERS not in Metric(contract.metric).counted:
        return None
    further = 0 if cap is None else max(0, requested - max(cap, users))
    covered = min(further, licenses_left)
    added = further - covered
    amount_minor = round_minor(added * contract.unit_price, contract.currency)
    return CapCost(added, covered, amount_minor, contract)


def requests_with_cost(
    requests: Iterable[CapRequest], *, zone: ZoneInfo, now: datetime
) -> list[tuple[CapRequest, CapCost | None]]:
    """Return the requests with their cost, in three statements; a commitment takes one more.

    The organization of each request gets its `users` and `this_month_hwm`, the current month's
    high-water mark so far.
    """
    month = Month.of(now, zone)
    contract = Contract.objects.current(month)
    left = _licenses_left(contract, month)
    listed = list(requests)
    organizations = organizations_with_usage(month=month).in_bulk(
        [request.organization_id for request in listed]
    )
    costs = []
    for request in listed:
        request.organization = organization = organizations[request.organization_id]
        cost = cap_cost(
            requested=request.requested_cap,
            cap=organization.user_cap,
            users=organization.users,
            contract=contract,
            licenses_left=left,
        )
        costs.append((request, cost))
    return costs


def _licenses_left(contract: Contract | None, month: Month) -> int:
    """The users who can be added in any organization before a commitment for all is exceeded."""
    if contract is None or not contract.counts_together:
        return 0
    return max(0, (contract.committed_quantity or 0) - in_use(contract, month))


def request_forecast(
    *, request: CapRequest, zone: ZoneInfo, now: datetime
) -> tuple[OrganizationForecast, date | None] | None:
    """Forecast the organization's users, and the day on which they exceed the requested cap.

    The day is None if it is not within thirteen weeks. Returns None for an organization that does
    not exist any more. One statement.
    """
    instant = Instant.of(now, zone)
    tracks = tracked(
        at=now, month=instant.month, zone=zone, organization_id=request.organization_id
    )
    if not tracks:
        return None
    forecast = month_of(tracks, instant=instant, basis=Metric.USERS, free_user_limit=None)
    days = days_until_over(days_of(tracks[0], Metric.USERS), limit=request.requested_cap)
    return forecast.organizations[0], None if days is None else instant.day_after(days)
