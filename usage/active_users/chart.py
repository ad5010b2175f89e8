"""Active users by month, as bars."""

from collections.abc import Sequence

from core.charts import Bar, Chart, Limit, bar_chart
from core.months import Month

# A number is as high as a seventh of the drawing.
_NEAR_SHARE = 7


def activity_chart(
    *, months: Sequence[Month], counts: Sequence[int], limit: int | None, named: str
) -> Chart:
    """A bar for each month; the last one runs and may still grow. `named` is what the limit is.

    A limit that would cross the numbers above the bars is not drawn: the page says it.
    """
    return bar_chart(
        title="Active users by month",
        description=f"From {min(counts):,} to {max(counts):,}; the table below has every month.",
        bars=[
            Bar(
                label=f"{month.first_day:%b}",
                value=count,
                name=f"{month.first_day:%B %Y}{' so far' if month == months[-1] else ''}",
                is_open=month == months[-1],
            )
            for month, count in zip(months, counts, strict=True)
        ],
        columns=("Month", "Active users"),
        limit=Limit(limit, named) if limit and _is_clear(limit, counts) else None,
    )


def _is_clear(limit: int, counts: Sequence[int]) -> bool:
    highest = max(limit, *counts)
    return all(abs(limit - count) * _NEAR_SHARE > highest for count in counts)
