"""The chart of a month: the level from its first instant to its last, peak and runner-up marked."""

from collections.abc import Iterator
from datetime import datetime

from core.charts import Chart, Limit, Mark, Move, step_chart
from core.months import day_starts_at
from usage.explain.peaks import Explanation
from usage.formatting import counted_noun, exact_instant

_DAYS_BETWEEN_TICKS = 7


def month_chart(*, explanation: Explanation, cap: int | None, now: datetime) -> Chart:
    """The month's level in steps, a day a line in its table; `cap` is drawn when given."""
    told = explanation
    noun = told.metric.value
    local_peaks = [told.peak, *([told.second_peak] if told.second_peak else [])]
    return step_chart(
        title=f"{told.metric.label} in {told.month.first_day:%B %Y}",
        description=(
            f"Between {min([told.carried_in, *(hour.lowest for hour in told.hours)]):,} and "
            f"{counted_noun(told.high_water_mark, noun)}; the table below has every day."
        ),
        span=(told.starts_at, told.ends_at),
        opening=told.carried_in,
        moves=[Move(hour.at, hour.level, hour.highest, hour.lowest) for hour in told.hours],
        until=min(max(now, told.starts_at), told.ends_at),
        ticks=[
            (day_starts_at(day=day, zone=told.zone), f"{day.day} {day:%b}")
            for day in told.month.days[::_DAYS_BETWEEN_TICKS]
        ],
        marks=[
            Mark(
                peak.at,
                peak.level,
                f"{counted_noun(peak.level, noun)}, {exact_instant(peak.at, told.zone)}",
            )
            for peak in local_peaks
            if peak.level
        ],
        limit=None if cap is None else Limit(cap, "Cap"),
        header=("Day", "Highest", "Added", "Removed", "At the end"),
        rows=list(_days(told, now)),
    )


def _days(told: Explanation, now: datetime) -> Iterator[tuple[str, ...]]:
    level, by_day = told.carried_in, told.days
    today = now.astimezone(told.zone).date()
    for day in told.month.days:
        if day > today:
            return
        hours = by_day.get(day, [])
        highest = max([level, *(hour.highest for hour in hours)])
        level = hours[-1].level if hours else level
        added, removed = sum(h.added for h in hours), sum(h.removed for h in hours)
        name = f"{day.day} {day:%b}"
        yield name, f"{highest:,}", f"{added:,}", f"{removed:,}", f"{level:,}"
