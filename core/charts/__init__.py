"""Charts as SVG, drawn on the server from plain numbers; each has its data table. Pure.

`templates/includes/chart.html` shows them. Colours come from classes only (styles/charts.css), so
each theme and print has its own: no style attribute, no script.
"""

from core.charts.bars import Bar, bar_chart
from core.charts.donut import Part, Tone, donut_chart
from core.charts.frame import Chart, Limit, Point
from core.charts.sparkline import heat, sparkline
from core.charts.steps import Ahead, Mark, Move, step_chart

__all__ = [
    "Ahead",
    "Bar",
    "Chart",
    "Limit",
    "Mark",
    "Move",
    "Part",
    "Point",
    "Tone",
    "bar_chart",
    "donut_chart",
    "heat",
    "sparkline",
    "step_chart",
]
