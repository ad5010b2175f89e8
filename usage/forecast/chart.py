"""The chart of a forecast: the count up to now, and where it is heading."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from core.charts import Ahead, Chart, Limit, Mark, Move, step_chart
from core.templating.values import day_text
from usage.forecast.method import HISTORY_DAYS, WEEK, Days, levels_ahead
from usage.forecast.months import Instant
from usage.forecast.tracks import DAY
from usage.formatting import day_in_chart

PAST_DAYS = 56
SHORTEST_AHEAD = 28
# Few enough for a phone, and now among them.
_TICKS_BETWEEN = 3 * WEEK
_MOST_TICKS = 6


def forecast_chart(
    *,
    days: Days,
    instant: Instant,
    noun: str,
    limit: Limit | None,
    past_days: int = PAST_DAYS,
    shortest_ahead: int = SHORTEST_AHEAD,
) -> Chart:
    """The days behind, and the rest of the month or `shortest_ahead`, whichever is longer.

    Where too little is known the line ends now. `noun` is what is counted, in the plural.
    """
    length = max(instant.left, shortest_ahead)
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
        span=(instant.at - past_days * DAY, instant.at + length * DAY),
        opening=days.levels[HISTORY_DAYS - past_days],
        moves=list(_moves(days, instant.at, past_days)),
        until=instant.at,
        zone=instant.zone,
        name_day=day_in_chart,
        ticks=[
            (instant.at + timedelta(days=n), _tick(instant, n))
            for n in _tick_days(past_days, length)
        ],
        marks=[Mark(instant.at, present, f"Now: {present:,} {noun}")],
        limit=limit,
        ahead=ahead,
        header=("Day", "Low", noun.capitalize(), "High"),
        rows=[*_past(days, instant, past_days), *_future(ahead, instant)],
    )


def _tick_days(past_days: int, length: int) -> Iterator[int]:
    """Days from now that have a label: now, and a few at either side of it."""
    between = max(_TICKS_BETWEEN, (past_days + length) // _MOST_TICKS)
    return iter(range(-(past_days // between) * between, length, between))


def _tick(instant: Instant, days_on: int) -> str:
    day = instant.day_after(days_on)
    return "Now" if not days_on else day_in_chart(day)


def _moves(days: Days, at: datetime, past_days: int) -> Iterator[Move]:
    for age in reversed(range(past_days)):
        number = HISTORY_DAYS - age
        before, level, high = days.levels[number - 1], days.levels[number], days.highs[number]
        if before != level or high != level:
            yield Move(at - age * DAY, level, max(high, before, level), min(before, level))


def _past(days: Days, instant: Instant, past_days: int) -> Iterator[tuple[str, ...]]:
    for age in range(past_days, -1, -WEEK):
        level = f"{days.levels[HISTORY_DAYS - age]:,}"
        day = instant.day_after(-age)
        yield f"{day_text(day)}{'' if age else ', now'}", level, level, level


def _future(ahead: list[Ahead], instant: Instant) -> Iterator[tuple[str, ...]]:
    for number, each in enumerate(ahead, start=1):
        if number % WEEK == 0 or each is ahead[-1]:
            day = instant.day_after(number)
            name = f"{day_text(day)}, expected"
            yield name, f"{each.low:,}", f"{each.expected:,}", f"{each.high:,}"
