"""What the pages say of the allowance."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from accounts.models import User
from accounts.roles import Permission
from billing.formatting import date_text
from billing.invoicing.pack_allowance import AllowanceMonth, allowance_months
from billing.models import Contract, PackOrder
from billing.money import format_money, format_unit_price
from billing.planning.forecast import AllowanceAhead
from core.metrics import Metric
from core.months import Month


@dataclass(frozen=True, slots=True)
class OrderRow:
    """A past order as the page lists it."""

    name: str
    quantity: int
    first: date
    last: date
    ordered_on: str
    ordered_by: str
    invoice_id: int
    number: str
    total: str
    is_void: bool
    is_over: bool


def provider_months(*, months: Sequence[Month], counts: Sequence[int]) -> list[AllowanceMonth]:
    """The provider's months beside what covers them; `counts` are all its active users."""
    return allowance_months(months=months, active=counts)


def overage_note(*, user: User, month: Month) -> str:
    """What an active user above the allowance costs, for who may see prices; else nothing."""
    if not user.may(Permission.VIEW_BILLING):
        return ""
    contract = Contract.objects.current(month)
    if contract is None or contract.metric != Metric.ACTIVE_USERS:
        return "Your contract does not bill active users"
    return f"{format_unit_price(contract.unit_price, contract.currency)} each, billed at month end"


def pace_note(*, ahead: AllowanceAhead, month: Month) -> str:
    """When the allowance is passed at this pace; empty where it is over, or nothing is known."""
    if not ahead.allowance or ahead.is_passed or not ahead.is_known:
        return ""
    if ahead.day is None:
        name = f"{month.first_day:%B}"
        return (
            f"At this pace {ahead.expected:,} are active by the end of {name}: "
            "the allowance is not passed."
        )
    return f"At this pace the allowance is passed on {ahead.day.day} {ahead.day:%B}."


def past_orders(*, month: Month, zone: ZoneInfo) -> list[OrderRow]:
    """All orders, the latest first; `month` is the running one."""
    orders = PackOrder.objects.select_related("invoice").order_by("-pk")
    return [
        OrderRow(
            name=order.offer_name,
            quantity=order.quantity,
            first=order.starts_on,
            last=Month.of_day(order.ends_on).previous.first_day,
            ordered_on=date_text(order.ordered_at.astimezone(zone).date()),
            ordered_by=order.ordered_by_name,
            invoice_id=order.invoice_id,
            number=order.invoice.number,
            total=format_money(order.invoice.total_minor, order.invoice.currency),
            is_void=order.invoice.voided_at is not None,
            is_over=order.ends_on <= month.first_day,
        )
        for order in orders
    ]
