"""The chart of a month: the count over time, with the peak and the second-highest peak marked."""

from collections.abc import Iterator
from datetime import datetime

from core.charts import Chart, Limit, Mark, Move, step_chart
from core.months import day_starts_at
from usage.explain.peaks import Explanation
from usage.formatting import counted_noun, day_in_chart, exact_instant

_DAYS_BETWEEN_TICKS = 7


def month_chart(*, explanation: Explanation, cap: int | None, now: datetime) -> Chart:
    """The month's count in steps, with a table of its days; `cap` is drawn when given."""
    noun, zone = explanation.metric.unit, explanation.zone
    lowest = min([explanation.carried_in, *(hour.lowest for hour in explanation.hours)])
    return step_chart(
        title=f"{explanation.metric.label} in {explanation.month.first_day:%B %Y}",
        description=(
            f"Between {lowest:,} and {counted_noun(explanation.high_water_mark, noun)}; "
            "the table below has every day."
        ),
        span=(explanation.starts_at, explanation.ends_at),
        opening=explanation.carried_in,
        moves=[
            Move(hour.at, hour.closing, hour.highest, hour.lowest) for hour in explanation.hours
        ],
        until=min(max(now, explanation.starts_at), explanation.ends_at),
        zone=zone,
        name_day=day_in_chart,
        ticks=[
            (day_starts_at(day=day, zone=zone), day_in_chart(day))
            for day in explanation.month.days[::_DAYS_BETWEEN_TICKS]
        ],
        marks=[
            Mark(
                peak.at,
                peak.level,
                f"{counted_noun(peak.level, noun)}, {exact_instant(peak.at, zone)}",
            )
            for peak in (explanation.peak, explanation.second_peak)
            if peak and peak.level
        ],
        limit=None if cap is None else Limit(cap, "Cap"),
        header=("Day", "Highest", "Added", "Removed", "At the end"),
        rows=list(_days(explanation, now)),
    )


def _days(explanation: Explanation, now: datetime) -> Iterator[tuple[str, ...]]:
    count, by_day = explanation.carried_in, explanation.days
    today = now.astimezone(explanation.zone).date()
    for day in explanation.month.days:
        if day > today:
            return
        hours = by_day.get(day, [])
        highest = max([count, *(hour.highest for hour in hours)])
        count = hours[-1].closing if hours else count
        added, removed = sum(h.added for h in hours), sum(h.removed for h in hours)
        yield day_in_chart(day), f"{highest:,}", f"{added:,}", f"{removed:,}", f"{count:,}"
