"""What charts share: the scale, the frame around the drawing, and the table behind it.

A drawing is as wide as its place and of a fixed height: positions across are percentages and texts
keep their size, so nothing shrinks on a phone and no number is clipped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

HEIGHT = 248
# Room for a number above the highest point, and for the labels below.
TOP, BOTTOM = 30, 26
FLOOR = HEIGHT - BOTTOM
_MOST_INTERVALS = 5
_DIGIT_WIDTH, _AXIS_PADDING = 7, 10
# A limit this many times above all that is drawn would press it flat: it is told, not drawn.
_FARTHEST_LIMIT = 2
_START, _END = 8, 92

Cell = str | SafeString


@dataclass(frozen=True, slots=True)
class Limit:
    """A level that is not to be passed, and what it is called."""

    level: int
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing and its figures as a table; `note` says what could not be drawn."""

    title: str
    svg: SafeString
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Scale:
    """Whole numbers from `low` to `high` over the height of a drawing, with lines at `ticks`."""

    low: int
    high: int
    ticks: tuple[int, ...]

    @classmethod
    def over(cls, lowest: int, highest: int, *, from_zero: bool) -> "Scale":
        """Round numbers around the figures; not from zero where these are far above it."""
        base = 0 if from_zero or lowest <= highest / 2 else lowest
        step = _round_step(max(highest - base, 1))
        low = base // step * step
        high = max(-(-highest // step) * step, low + step)
        return cls(low, high, tuple(range(low, high + 1, step)))

    def y(self, level: float) -> float:
        """How far down a level lies."""
        return round(FLOOR - (level - self.low) / (self.high - self.low) * (FLOOR - TOP), 2)


def _round_step(span: int) -> int:
    step = 1
    while True:
        for factor in (1, 2, 5):
            if span / (step * factor) <= _MOST_INTERVALS:
                return step * factor
        step *= 10


def drawn_limit(limit: Limit | None, *, highest: int) -> Limit | None:
    """The limit, when the drawing has room for it."""
    if limit is None or limit.level > _FARTHEST_LIMIT * max(highest, 1):
        return None
    return limit


def limit_note(limit: Limit | None, *, highest: int) -> str:
    """What is said of a limit that is not drawn."""
    if limit is None or drawn_limit(limit, highest=highest):
        return ""
    return f"{limit.label} {limit.level:,} lies above the chart."


def percent(fraction: float) -> str:
    """A position across, as an attribute has it."""
    return f"{100 * fraction:.2f}%"


def anchor(fraction: float) -> str:
    """Which end of a text stands at a position, so that it stays inside at either side."""
    across = 100 * fraction
    return "start" if across < _START else "end" if across > _END else "middle"


def text(content: str, *, x: float, y: float, kind: str, at: str = "") -> SafeString:
    """A text of one of the chart's own classes at a position."""
    return format_html(
        '<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>',
        kind, percent(x), y, at or anchor(x), content,
    )  # fmt: skip


def limit_line(limit: Limit, scale: Scale, *, at_start: bool) -> SafeString:
    """A dashed line across, named at the side that is free."""
    y = scale.y(limit.level)
    label = f"{limit.label} {limit.level:,}"
    side = 0.0 if at_start else 1.0
    return format_html(
        '<line class="chart-limit" x1="0" x2="100%" y1="{}" y2="{}"/>{}',
        y, y, text(label, x=side, y=y - 6, kind="chart-limit-label"),
    )  # fmt: skip


def framed(
    *, title: str, description: str, scale: Scale, drawing: Sequence[SafeString]
) -> SafeString:
    """The axis beside the drawing, with lines at round numbers behind it."""
    longest = max(len(f"{tick:,}") for tick in scale.ticks)
    width = _DIGIT_WIDTH * longest + _AXIS_PADDING
    labels = format_html_join(
        "",
        '<text class="chart-label" x="{}" y="{}" text-anchor="end">{}</text>',
        ((width - _AXIS_PADDING, scale.y(tick) + 4, f"{tick:,}") for tick in scale.ticks),
    )
    lines = format_html_join(
        "",
        '<line class="chart-grid" x1="0" x2="100%" y1="{}" y2="{}"/>',
        ((scale.y(tick), scale.y(tick)) for tick in scale.ticks),
    )
    return format_html(
        '<div class="chart-frame"><svg class="chart-axis" width="{}" height="{}" '
        'aria-hidden="true">{}</svg><svg class="chart-plot" height="{}" role="img" '
        'aria-label="{}"><title>{}</title><desc>{}</desc>{}{}</svg></div>',
        width, HEIGHT, labels, HEIGHT, f"{title}. {description}", title, description, lines,
        joined(drawing),
    )  # fmt: skip


def joined(parts: Iterable[SafeString]) -> SafeString:
    """Markup after markup."""
    return format_html_join("", "{}", ((part,) for part in parts))
