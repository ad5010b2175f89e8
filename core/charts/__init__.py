"""Charts as SVG, drawn on the server: pure, from figures to markup, each with its data table.

Shown by `{% include "includes/chart.html" with chart=chart %}`. Colours come from classes only
(styles/charts.css), so both themes and print have their own; no style attribute, no script.
"""

from core.charts.bars import Bar, bar_chart
from core.charts.donut import Part, Tone, donut_chart
from core.charts.frame import Chart, Limit
from core.charts.steps import Ahead, Mark, Move, step_chart

__all__ = [
    "Ahead",
    "Bar",
    "Chart",
    "Limit",
    "Mark",
    "Move",
    "Part",
    "Tone",
    "bar_chart",
    "donut_chart",
    "step_chart",
]
