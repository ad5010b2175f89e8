"""Sparklines: a small line of a few values with its lowest and highest, for a cell of a table."""

from collections.abc import Sequence

from django.utils.safestring import SafeString

from core.charts.frame import svg

_WIDTH, _HEIGHT, _PADDING = 84, 22, 3


def sparkline(values: Sequence[int], *, name: str) -> SafeString:
    """The values as a line between their lowest and highest, which stand beside it as numbers.

    Equal values are a flat line with one number. `name` says for a screen reader what they are.
    """
    if not values:
        return SafeString()
    low, high = min(values), max(values)
    last = len(values) - 1 or 1
    inner = _HEIGHT - 2 * _PADDING

    def place(number: int) -> tuple[float, float]:
        share = (values[number] - low) / (high - low) if high > low else 0.5
        across = _PADDING + number / last * (_WIDTH - 2 * _PADDING)
        return round(across, 1), round(_HEIGHT - _PADDING - share * inner, 1)

    places = [place(number) for number in range(len(values))]
    if len(places) == 1:
        places = [(_PADDING, places[0][1]), (_WIDTH - _PADDING, places[0][1])]
    path = "M" + "L".join(f"{x} {y}" for x, y in places)
    dots = "".join(
        f'<circle class="chart-mark" cx="{x}" cy="{y}" r="2.5"/>'
        for x, y in {places[values.index(low)], places[values.index(high)]}
        if high > low
    )
    span = f"{low:,}\N{EN DASH}{high:,}" if high > low else f"{low:,}"
    # Numbers only, so nothing needs escaping.
    drawing = SafeString(f'<path class="chart-line" d="{path}"/>{dots}')  # nosec B703
    return svg(
        '<svg class="sparkline" width="{}" height="{}" role="img" aria-label="{}">{}</svg>'
        '<span class="sub">{}</span>',
        _WIDTH, _HEIGHT, f"{name}: from {low:,} to {high:,}, last {values[-1]:,}", drawing, span,
    )  # fmt: skip


def heat(values: Sequence[int]) -> list[int]:
    """A level from 0 to 4 for each value, from the lowest of them to the highest.

    A difference below a tenth of the highest is no heat: all are 0.
    """
    low, high = min(values, default=0), max(values, default=0)
    if high - low < max(high / 10, 2):
        return [0] * len(values)
    return [round(4 * (value - low) / (high - low)) for value in values]
