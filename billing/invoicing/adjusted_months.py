"""The closed months whose adjustments a month's invoice carries."""

from collections.abc import Collection
from datetime import date

from billing.contracts.free_allowance import billed_contract
from billing.models import MonthClose
from core.months import Month


def closed_months() -> set[date]:
    """The first days of the current provider's closed months, in one statement."""
    closed = MonthClose.objects.filter(issued_at__isnull=False)
    return set(closed.values_list("month", flat=True))


def adjusted_by(*, month: Month, currency: str, closed: Collection[date]) -> list[date]:
    """The first days of the closed months that `month` adjusts, oldest first.

    The earliest open month after a closed one carries its adjustments, so each is in one month
    only. A month that is not billed in the currency has no invoice to carry them: the next one
    does. `closed` are the first days of the closed months.
    """
    adjusted: list[date] = []
    earliest = min(closed, default=month.first_day)
    before = month.previous
    while before.first_day >= earliest:
        if before.first_day in closed:
            adjusted.insert(0, before.first_day)
        elif _is_billed_in(currency, before):
            break
        before = before.previous
    return adjusted


def _is_billed_in(currency: str, month: Month) -> bool:
    contract = billed_contract(month)
    return contract is not None and contract.currency == currency
