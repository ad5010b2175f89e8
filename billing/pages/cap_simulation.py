"""How the outcome of a draft of caps is put into texts of money and a chart."""

from collections.abc import Sequence
from dataclasses import dataclass

from billing.formatting import month_text
from billing.money import format_money
from billing.planning.cap_simulation import Exposure, MonthSaved
from core.charts import Bar, Chart, bar_chart

NOT_BILLED = "–"


@dataclass(frozen=True, slots=True)
class MonthRow:
    """A month as texts; a dash where nothing was billed."""

    month: str
    billed: str
    drafted: str
    saved: str
    blocked: int


@dataclass(frozen=True, slots=True)
class ExposureText:
    """The most that a month can cost, and how many organizations nothing stops."""

    total: str
    unbounded: int


def month_rows(saved: Sequence[MonthSaved]) -> list[MonthRow]:
    """Newest first."""
    return [
        MonthRow(
            month=month_text(one.month.first_day),
            billed=_text(one.billed_minor, one),
            drafted=_text(one.drafted_minor, one),
            saved=_text(None if one.billed_minor is None else one.saved_minor, one),
            blocked=one.blocked,
        )
        for one in reversed(saved)
    ]


def saved_text(saved: Sequence[MonthSaved]) -> str:
    """All months together, of each currency that they were billed in."""
    sums: dict[str, int] = {}
    for one in saved:
        if one.currency:
            sums[one.currency] = sums.get(one.currency, 0) + one.saved_minor
    return " and ".join(format_money(minor, currency) for currency, minor in sums.items())


def exposure_text(exposure: Exposure | None) -> ExposureText | None:
    """The amount in its currency; None where nothing is billed."""
    if exposure is None:
        return None
    return ExposureText(format_money(exposure.total_minor, exposure.currency), exposure.unbounded)


def blocked_chart(saved: Sequence[MonthSaved]) -> Chart:
    """A bar for each month: the additions that would have been refused."""
    total = sum(one.blocked for one in saved)
    return bar_chart(
        title="Additions that the draft would have refused",
        description=f"{total:,} in twelve months; the table below has every month.",
        bars=[
            Bar(
                label=f"{one.month.first_day:%b}",
                value=one.blocked,
                name=month_text(one.month.first_day),
                is_open=one is saved[-1],
            )
            for one in saved
        ],
        columns=("Month", "Additions refused"),
    )


def _text(minor: int | None, one: MonthSaved) -> str:
    return NOT_BILLED if minor is None else format_money(minor, one.currency)
