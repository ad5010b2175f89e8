"""Active users by month, as bars."""

from collections.abc import Sequence

from usage.charts import Bar, Chart, Limit, bar_chart
from usage.periods import Month


def activity_chart(
    *, months: Sequence[Month], counts: Sequence[int], limit: int | None, named: str
) -> Chart:
    """A bar for each month; the last one runs and may still grow. `named` is what the limit is."""
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
        limit=Limit(limit, named) if limit else None,
    )
