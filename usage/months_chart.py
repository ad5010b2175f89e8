"""A bar chart of a value by month."""

from collections.abc import Sequence

from core.charts import Bar, Chart, Limit, bar_chart
from core.months import Month

# The number above a bar is about as high as a seventh of the drawing.
_LABEL_SHARE = 7


def months_chart(
    *, title: str, column: str, months: Sequence[Month], values: Sequence[int],
    limit: int | None = None, limit_name: str = "", limits: Sequence[int] = (),
    expected: int | None = None,
) -> Chart:  # fmt: skip
    """A bar for each month; the last month is the current one and may still grow.

    `column` heads the values in the chart's table. A limit that would cross the numbers above the
    bars is not drawn: the page states it. `limits` are those of each month instead, 0 for none.
    `expected` is what the current month is expected to reach.
    """
    if not any(limits):
        limits = ()
    own_limits: Sequence[int | None] = limits or [None] * len(months)
    highest = max(limit or 0, *values)
    is_clear = all(abs((limit or 0) - value) * _LABEL_SHARE > highest for value in values)
    return bar_chart(
        title=title,
        description=f"From {min(values):,} to {max(values):,}; the table below has every month.",
        bars=[
            Bar(
                label=f"{month.first_day:%b}",
                value=value,
                name=f"{month.first_day:%B %Y}{' so far' if month == months[-1] else ''}",
                is_open=month == months[-1],
                limit=own_limit,
                expected=expected if month == months[-1] else None,
            )
            for month, value, own_limit in zip(months, values, own_limits, strict=True)
        ],
        columns=("Month", column, limit_name) if limits else ("Month", column),
        limit=Limit(limit, limit_name) if limit and is_clear else None,
    )
