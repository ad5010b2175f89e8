"""The scale, the frame and the limit line that all charts share.

A drawing fills the width of its container and has a fixed height. Horizontal positions are
percentages and texts keep their size, so a phone shrinks nothing and clips no number.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from django.utils.safestring import SafeString

HEIGHT = 248
# Room for a number above the highest point, and for the labels below.
TOP, BOTTOM = 30, 26
FLOOR = HEIGHT - BOTTOM
_MOST_INTERVALS = 5
_DIGIT_WIDTH, _AXIS_PADDING = 7, 10
# A limit this many times above the highest value would flatten the drawing: a note states it.
_FARTHEST_LIMIT = 2
_START, _END = 8, 92
# An axis that starts above zero covers at least this share of the values, and this many of them:
# a change of one user must not look like a leap.
_LEAST_SHARE, _LEAST_SPAN = 0.1, 4

Cell = str | SafeString
# What `svg` leaves as it is.
_SAFE = (SafeString, float, int)


@dataclass(frozen=True, slots=True)
class Limit:
    """A level that must not be exceeded, and its name."""

    level: int
    label: str


@dataclass(frozen=True, slots=True)
class Point:
    """What the chart says at a place of its width, from 0 to 1: "September 2026: 3,612"."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing and its values as a table; `note` states what the drawing leaves out.

    `svg` is empty where every value is 0: the note says so instead. `points`, from left to right,
    are what a pointer or the arrow keys read out (static/js/charts.js).
    """

    title: str
    svg: SafeString
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    points: tuple[Point, ...] = ()

    @property
    def readout(self) -> str:
        """The points as JSON for an attribute."""
        return json.dumps([[round(100 * point.x, 2), point.text] for point in self.points])


@dataclass(frozen=True, slots=True)
class Scale:
    """Whole numbers from `low` to `high` over the height of a drawing, with lines at `ticks`."""

    low: int
    high: int
    ticks: tuple[int, ...]

    @classmethod
    def over(cls, lowest: int, highest: int, *, from_zero: bool) -> "Scale":
        """Round numbers around the values; starts above zero where these are far from it."""
        span = max(_LEAST_SHARE * highest, _LEAST_SPAN)
        base = 0 if from_zero or lowest <= highest / 2 else int(max(min(lowest, highest - span), 0))
        step = _round_step(max(highest - base, 1))
        low = base // step * step
        high = max(-(-highest // step) * step, low + step)
        return cls(low, high, tuple(range(low, high + 1, step)))

    def y(self, level: float) -> float:
        """The vertical position of a level, in pixels from the top."""
        return round(FLOOR - (level - self.low) / (self.high - self.low) * (FLOOR - TOP), 2)


def _round_step(span: int) -> int:
    step = 1
    while True:
        for factor in (1, 2, 5):
            if span / (step * factor) <= _MOST_INTERVALS:
                return step * factor
        step *= 10


def drawn_limit(limit: Limit | None, *, highest: int) -> Limit | None:
    """The limit, or None when it is too far above the highest value to be drawn."""
    is_near = limit is not None and limit.level <= _FARTHEST_LIMIT * max(highest, 1)
    return limit if is_near else None


def limit_note(limit: Limit | None, *, highest: int) -> str:
    """A sentence about a limit that is not drawn; empty otherwise."""
    if limit is None or drawn_limit(limit, highest=highest):
        return ""
    return f"{limit.label} {limit.level:,} lies above the chart."


def svg(pattern: str, *values: str | float) -> SafeString:
    """As Django's `format_html`, which takes as long as the rest of a page for a chart's pieces.

    Numbers, and texts that are safe, go in as they are.
    """
    parts = [value if type(value) in _SAFE else escape(str(value)) for value in values]
    return SafeString(pattern.format(*parts))  # nosec B703 - each part is safe


def percent(fraction: float) -> SafeString:
    """A horizontal position as an SVG attribute."""
    return SafeString(f"{100 * fraction:.2f}%")  # nosec B703


def text(content: str, *, x: float, y: float, kind: str, at: str = "") -> SafeString:
    """A text of the class `kind`, anchored so that it stays inside at either side."""
    anchor = "start" if 100 * x < _START else "end" if 100 * x > _END else "middle"
    return svg(
        '<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>',
        kind, percent(x), y, at or anchor, content,
    )  # fmt: skip


def baseline_note(scale: Scale) -> str:
    """A sentence about an axis that does not start at zero; empty otherwise."""
    return f"The axis starts at {scale.low:,}." if scale.low else ""


def limit_line(limit: Limit, scale: Scale, *, at_start: bool) -> SafeString:
    """A dashed horizontal line with its label at one side."""
    y = scale.y(limit.level)
    label = f"{limit.label} {limit.level:,}"
    side = 0.0 if at_start else 1.0
    return svg(
        '<line class="chart-limit" x1="0" x2="100%" y1="{}" y2="{}"/>{}',
        y, y, text(label, x=side, y=y - 6, kind="chart-limit-label"),
    )  # fmt: skip


def framed(
    *, title: str, description: str, scale: Scale, drawing: Sequence[SafeString]
) -> SafeString:
    """The drawing with its axis, and grid lines at the ticks."""
    longest = max(len(f"{tick:,}") for tick in scale.ticks)
    width = _DIGIT_WIDTH * longest + _AXIS_PADDING
    labels = joined(
        svg(
            '<text class="chart-label" x="{}" y="{}" text-anchor="end">{}</text>',
            width - _AXIS_PADDING,
            scale.y(tick) + 4,
            f"{tick:,}",
        )
        for tick in scale.ticks
    )
    lines = joined(
        svg(
            '<line class="chart-grid" x1="0" x2="100%" y1="{}" y2="{}"/>',
            scale.y(tick),
            scale.y(tick),
        )
        for tick in scale.ticks
    )
    return svg(
        '<div class="chart-frame"><svg class="chart-axis" width="{}" height="{}" '
        'aria-hidden="true">{}</svg><svg class="chart-plot" height="{}" role="img" '
        'aria-label="{}"><title>{}</title><desc>{}</desc>{}{}</svg></div>',
        width, HEIGHT, labels, HEIGHT, f"{title}. {description}", title, description, lines,
        joined(drawing),
    )  # fmt: skip


def joined(parts: Iterable[SafeString]) -> SafeString:
    """The parts one after the other."""
    return SafeString("".join(parts))  # nosec B703
