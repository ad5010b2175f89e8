"""How a forecast is put into words and texts of money."""

from collections.abc import Sequence
from dataclasses import dataclass

from billing.formatting import short_date_text
from billing.models import Contract
from billing.money import format_money, round_minor
from billing.planning.forecast import BillForecast
from usage.forecast.backtest import Accuracy, accuracy_near
from usage.forecast.months import OrganizationForecast
from usage.formatting import ordinal

_SMALL = 10


@dataclass(frozen=True, slots=True)
class BillTexts:
    """A forecast of money as texts."""

    locked_in: str
    avoidable: str
    low: str
    expected: str
    high: str
    overage: int


@dataclass(frozen=True, slots=True)
class TrialRow:
    """How far off forecasts made on a day of past months were, as texts; money empty without."""

    day: str
    months: int
    forecast: str
    last_value: str
    last_month: str
    organization: str
    organization_last_value: str
    organization_last_month: str
    held: int
    money: str
    is_better: bool


def bill_texts(bill: BillForecast) -> BillTexts:
    """All amounts in the contract's currency."""

    def text(minor: int) -> str:
        return format_money(minor, bill.currency)

    return BillTexts(
        locked_in=text(bill.locked_in_minor),
        avoidable=text(bill.avoidable_minor),
        low=text(bill.low_minor),
        expected=text(bill.expected_minor),
        high=text(bill.high_minor),
        overage=bill.overage,
    )


def limit_text(one: OrganizationForecast) -> str:
    """When the limit of users would be passed; empty when not foreseen or without a limit."""
    if one.is_at_limit:
        return "Reached"
    return short_date_text(one.cap_day) if one.cap_day else ""


def trial_rows(known: Sequence[Accuracy], *, contract: Contract | None) -> list[TrialRow]:
    """The table of errors; `contract` prices them where money may be seen."""
    return [
        TrialRow(
            day=ordinal(one.day),
            months=one.months,
            forecast=_number(one.total_error),
            last_value=_number(one.last_value_error),
            last_month=_number(one.last_month_error),
            organization=f"{one.organization_error:.2f}",
            organization_last_value=f"{one.organization_last_value_error:.2f}",
            organization_last_month=f"{one.organization_last_month_error:.2f}",
            held=one.held,
            money=_money(one.total_error, contract),
            is_better=one.is_better,
        )
        for one in known
    ]


def trial_sentence(known: Sequence[Accuracy], *, day: int, noun: str) -> str:
    """The errors of forecasts made about this day of the month, in words; empty before any."""
    one = accuracy_near(day, known)
    if one is None:
        return ""
    return (
        f"Made on the {ordinal(one.day)} of each of the last {one.months} months, with nothing "
        "known but what was before, this forecast of all organizations together was off by "
        f"{_number(one.total_error)} {noun} on average. Counting on what was locked in would have "
        f"been off by {_number(one.last_value_error)}, on last month’s mark by "
        f"{_number(one.last_month_error)}."
    )


def _number(error: float) -> str:
    return f"{error:,.1f}" if error < _SMALL else f"{error:,.0f}"


def _money(error: float, contract: Contract | None) -> str:
    # An average of counts, rounded to hundredths before it meets the price.
    if contract is None:
        return ""
    hundredths = round(error * 100)
    minor = round_minor(hundredths * contract.unit_price / 100, contract.currency)
    return format_money(minor, contract.currency)
