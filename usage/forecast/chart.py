"""The chart of a forecast: the count up to now, and where it is heading."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from core.charts import Ahead, Chart, Limit, Mark, Move, step_chart
from usage.forecast.method import HISTORY_DAYS, WEEK, Days, levels_ahead
from usage.forecast.months import Instant
from usage.forecast.tracks import DAY

PAST_DAYS = 56
SHORTEST_AHEAD = 28
# Few enough for a phone, and now among them.
_TICKS_BETWEEN = 3 * WEEK


def forecast_chart(*, days: Days, instant: Instant, noun: str, limit: Limit | None) -> Chart:
    """Eight weeks behind, and the rest of the month or four weeks ahead, whichever is longer.

    Where too little is known the line ends now. `noun` is what is counted, in the plural.
    """
    length = max(instant.left, SHORTEST_AHEAD)
    ahead = [
        Ahead(instant.at + days_on * DAY, *levels)
        for days_on in range(1, length + 1)
        if (levels := levels_ahead(days, ahead=days_on))
    ]
    present = days.levels[-1]
    heading = f"about {ahead[-1].expected:,} expected {length} days from now" if ahead else ""
    return step_chart(
        title=f"{noun.capitalize()}, and where they are heading",
        description=f"{present:,} now; {heading or 'too little is known to look ahead'}.",
        span=(instant.at - PAST_DAYS * DAY, instant.at + length * DAY),
        opening=days.levels[HISTORY_DAYS - PAST_DAYS],
        moves=list(_moves(days, instant.at)),
        until=instant.at,
        ticks=[
            (instant.at + timedelta(days=n), _tick(instant, n))
            for n in range(-2 * _TICKS_BETWEEN, length, _TICKS_BETWEEN)
        ],
        marks=[Mark(instant.at, present, f"Now: {present:,} {noun}")],
        limit=limit,
        ahead=ahead,
        header=("Day", "Low", noun.capitalize(), "High"),
        rows=[*_past(days, instant), *_future(ahead, instant)],
    )


def _tick(instant: Instant, days_on: int) -> str:
    day = instant.day_after(days_on)
    return "Now" if not days_on else f"{day.day} {day:%b}"


def _moves(days: Days, at: datetime) -> Iterator[Move]:
    for age in reversed(range(PAST_DAYS)):
        number = HISTORY_DAYS - age
        before, level, high = days.levels[number - 1], days.levels[number], days.highs[number]
        if before != level or high != level:
            yield Move(at - age * DAY, level, max(high, before, level), min(before, level))


def _past(days: Days, instant: Instant) -> Iterator[tuple[str, ...]]:
    for age in range(PAST_DAYS, -1, -WEEK):
        level = f"{days.levels[HISTORY_DAYS - age]:,}"
        day = instant.day_after(-age)
        yield f"{day.day} {day:%b %Y}{'' if age else ', now'}", level, level, level


def _future(ahead: list[Ahead], instant: Instant) -> Iterator[tuple[str, ...]]:
    for number, each in enumerate(ahead, start=1):
        if number % WEEK == 0 or each is ahead[-1]:
            day = instant.day_after(number)
            name = f"{day.day} {day:%b %Y}, expected"
            yield name, f"{each.low:,}", f"{each.expected:,}", f"{each.high:,}"
