"""Donut charts: a few parts of a whole as a ring, with a number in its middle."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.utils.safestring import SafeString

from core.charts.frame import Chart, joined, svg

_LONG_FIGURE = 5


class Tone(StrEnum):
    """The CSS class of a part. The colour adds nothing that the part's name does not say."""

    PRIMARY = "chart-part-primary"
    SUCCESS = "chart-part-success"
    WARNING = "chart-part-warning"
    DANGER = "chart-part-danger"
    REST = "chart-part-rest"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the whole."""

    name: str
    value: int
    tone: Tone


def donut_chart(
    *,
    title: str,
    description: str,
    parts: Sequence[Part],
    figure: str,
    caption: str,
    columns: tuple[str, str],
) -> Chart:
    """Parts in order from the top, clockwise; `figure` and `caption` are in the middle."""
    whole = sum(part.value for part in parts) or 1
    before = 0
    arcs = []
    for part in parts:
        share, offset = 100 * part.value / whole, 100 * before / whole
        before += part.value
        if part.value:
            arcs.append(
                svg(
                    '<circle class="chart-part {}" cx="80" cy="80" r="66" pathLength="100" '
                    'stroke-dasharray="{} 100" stroke-dashoffset="{}">'
                    "<title>{}: {}</title></circle>",
                    part.tone.value, f"{share:.3f}", f"{-offset:.3f}", part.name,
                    f"{part.value:,}",
                )
            )  # fmt: skip
    size = "chart-figure chart-figure-long" if len(figure) > _LONG_FIGURE else "chart-figure"
    drawing = svg(
        '<svg class="chart-donut" viewBox="0 0 160 160" width="160" height="160" role="img" '
        'aria-label="{}"><title>{}</title><desc>{}</desc>'
        '<circle class="chart-part chart-part-rest" cx="80" cy="80" r="66"/>'
        '<g transform="rotate(-90 80 80)">{}</g>'
        '<text class="{}" x="80" y="84" text-anchor="middle">{}</text>'
        '<text class="chart-label" x="80" y="104" text-anchor="middle">{}</text></svg>',
        f"{title}. {description}", title, description, joined(arcs), size, figure, caption,
    )  # fmt: skip
    rows: tuple[tuple[str | SafeString, ...], ...] = tuple(
        (part.name, f"{part.value:,}") for part in parts
    )
    return Chart(title=title, svg=drawing, header=columns, rows=rows)
