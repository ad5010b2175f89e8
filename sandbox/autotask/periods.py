"""Service periods of a contract, and the cost of units in a period."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from sandbox.autotask.wire import Row, format_day, parse_instant


def day_of(text: str) -> date:
    """The day of a stored date."""
    return parse_instant(text).date()


def monthly_periods(start: date, end: date) -> Iterator[tuple[date, date]]:
    """First and last day of each monthly period, counted from the contract's first day."""
    first, months = start, 0
    while first <= end:
        months += 1
        following = _months_after(start, months)
        yield first, min(following - timedelta(days=1), end)
        first = following


def unit_row(
    line: Row, first: date, last: date, *, units: int, price: Decimal, cost: Decimal
) -> Row:
    """A whole period's unit row, without an id. `price` and `cost` are per unit."""
    row: Row = {
        "contractID": line["contractID"],
        "serviceID": line["serviceID"],
        "contractServiceID": line["id"],
        "startDate": format_day(first),
        "endDate": format_day(last),
        "units": units,
        "_line": line["id"],
        "_unitPrice": price,
        "_unitCost": cost,
        "_periodDays": (last - first).days + 1,
    }
    return with_totals(row)


def with_totals(row: Row) -> Row:
    """The row with price and cost as the period's totals, prorated by days when it was split."""
    days = (day_of(row["endDate"]) - day_of(row["startDate"])).days + 1
    share = Decimal(days) / Decimal(row["_periodDays"])
    price = _cents(row["units"] * row["_unitPrice"] * share)
    cost = _cents(row["units"] * row["_unitCost"] * share)
    return {**row, "price": price, "internalCurrencyPrice": price, "cost": cost}


def split(row: Row, day: date) -> tuple[Row | None, Row | None]:
    """The parts of a row before `day` and from it on; either may be missing.

    The earlier part keeps the row's id, the later one has none yet.
    """
    if day_of(row["endDate"]) < day:
        return row, None
    if day_of(row["startDate"]) >= day:
        return None, row
    before = with_totals({**row, "endDate": format_day(day - timedelta(days=1))})
    after = with_totals({**row, "id": None, "startDate": format_day(day)})
    return before, after


def _months_after(anchor: date, months: int) -> date:
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    return date(year, month + 1, min(anchor.day, monthrange(year, month + 1)[1]))


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
