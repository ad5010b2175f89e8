"""Bar charts of a few values, such as months."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString

from core.charts.frame import (
    FLOOR,
    HEIGHT,
    Chart,
    Limit,
    Point,
    Scale,
    baseline_note,
    drawn_limit,
    framed,
    joined,
    limit_line,
    limit_note,
    percent,
    svg,
    text,
)

_SHARE_OF_SLOT = 0.62
# More digits do not fit above the bars on a phone, which shows them in the table only.
_SHORT = 2
_FEW = 8
# Bars from zero hide differences smaller than this share of the highest.
_LEAST_CHANGE = 0.2


@dataclass(frozen=True, slots=True)
class Bar:
    """A value, its label below, and its name in the table; `is_open` while it may still grow.

    `limit` is a level that this value alone must not exceed, None for none. `expected` is what an
    open value is expected to reach, None where nothing is known.
    """

    label: str
    value: int
    name: str = ""
    is_open: bool = False
    limit: int | None = None
    expected: int | None = None

    @property
    def reading(self) -> str:
        """The bar in words."""
        rest = f", about {self.expected:,} expected" if self.expected is not None else ""
        return f"{self.name or self.label}: {self.value:,}{rest}"


def bar_chart(
    *,
    title: str,
    description: str,
    bars: Sequence[Bar],
    columns: tuple[str, ...],
    limit: Limit | None = None,
) -> Chart:
    """A bar for each value, its number above it; `columns` are the table's header.

    Where zero would hide their differences the axis starts above it, as the note says. With a third
    column the table has the limit of each bar, which is a dashed line across it.
    """
    rows = tuple(_row(bar, len(columns)) for bar in bars)
    highest = max((max(bar.value, bar.expected or 0) for bar in bars), default=0)
    if bars and not highest:
        return Chart(title, SafeString(), columns, rows, note=f"{columns[1]}: 0 in all of them.")
    shown_limit = drawn_limit(limit, highest=highest)
    own_limits = [bar.limit or 0 for bar in bars]
    top = max(highest, shown_limit.level if shown_limit else 0, *own_limits)
    lowest = min((bar.value for bar in bars), default=0)
    # From zero wherever that shows the change: a bar's length is its value.
    is_hidden = 0 < top - lowest < _LEAST_CHANGE * top
    scale = Scale.over(lowest, top, from_zero=not is_hidden)
    drawing = [_bar(bar, number, len(bars), scale, highest) for number, bar in enumerate(bars)]
    drawing += [
        _own_limit(bar.limit, number, len(bars), scale)
        for number, bar in enumerate(bars)
        if bar.limit
    ]
    if shown_limit:
        drawing.append(limit_line(shown_limit, scale, at_start=False))
    return Chart(
        title=title,
        svg=framed(title=title, description=description, scale=scale, drawing=drawing),
        header=columns,
        rows=rows,
        note=" ".join(filter(None, (limit_note(limit, highest=highest), baseline_note(scale)))),
        points=tuple(
            Point((number + 0.5) / len(bars), bar.reading) for number, bar in enumerate(bars)
        ),
    )


def _row(bar: Bar, columns: int) -> tuple[str, ...]:
    limit = f"{bar.limit:,}" if bar.limit else "None"
    expected = f", about {bar.expected:,} expected" if bar.expected is not None else ""
    return (f"{bar.name or bar.label}{expected}", f"{bar.value:,}", limit)[:columns]


def _own_limit(level: int, number: int, count: int, scale: Scale) -> SafeString:
    y = scale.y(level)
    return svg(
        '<line class="chart-limit" x1="{}" x2="{}" y1="{}" y2="{}"/>',
        percent(number / count), percent((number + 1) / count), y, y,
    )  # fmt: skip


def _bar(bar: Bar, number: int, count: int, scale: Scale, highest: int) -> SafeString:
    middle = (number + 0.5) / count
    width = _SHARE_OF_SLOT / count
    y = scale.y(bar.value)
    is_long = len(f"{highest:,}") > _SHORT
    top, shown = y, f"{bar.value:,}"
    if bar.expected is not None and bar.expected > bar.value:
        top, shown = scale.y(bar.expected), f"~{bar.expected:,}"
    ahead = (
        svg(
            '<rect class="chart-bar-expected" x="{}" width="{}" y="{}" height="{}" rx="3"/>',
            percent(middle - width / 2),
            percent(width),
            top,
            round(y - top, 2),
        )
        if top != y
        else SafeString()
    )
    return joined(
        [
            ahead,
            svg(
                '<rect class="{}" x="{}" width="{}" y="{}" height="{}" rx="3">'
                "<title>{}</title></rect>",
                "chart-bar chart-bar-open" if bar.is_open else "chart-bar",
                percent(middle - width / 2), percent(width), y, round(FLOOR - y, 2),
                bar.reading,
            ),
            text(
                shown,
                x=middle,
                y=top - 7,
                kind="chart-value chart-value-long" if is_long else "chart-value",
                at="middle",
            ),
            text(
                bar.label,
                x=middle,
                y=HEIGHT - 8,
                kind="chart-label chart-label-many" if count > _FEW else "chart-label",
                at="middle",
            ),
        ]
    )  # fmt: skip
