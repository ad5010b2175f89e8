"""Step charts of a count over time: the line between two changes is flat."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from django.utils.safestring import SafeString

from core.charts.frame import (
    FLOOR,
    HEIGHT,
    Cell,
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
from core.months import day_ends_at, day_starts_at

_ACROSS = 10_000
# Labels nearer to each other than this share of the width would overlap.
_LABEL_DISTANCE = 0.09
# Nearer than this a mark's number and the limit's label would lie on top of each other.
_LABEL_HEIGHT = 24
_SIDE = 0.35


@dataclass(frozen=True, slots=True)
class Move:
    """The changes around an instant (aware): highest and lowest level, and `level` at the end.

    A single change has all three equal.
    """

    at: datetime
    level: int
    highest: int
    lowest: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A highlighted point with its level beside it; the first of several is emphasized."""

    at: datetime
    level: int
    name: str


@dataclass(frozen=True, slots=True)
class Ahead:
    """The level expected at a future instant (aware), and the range around it."""

    at: datetime
    low: int
    expected: int
    high: int


def step_chart(
    *,
    title: str,
    description: str,
    span: tuple[datetime, datetime],
    opening: int,
    moves: Sequence[Move],
    until: datetime,
    zone: ZoneInfo,
    name_day: Callable[[date], str],
    ticks: Sequence[tuple[datetime, str]],
    marks: Sequence[Mark] = (),
    limit: Limit | None = None,
    ahead: Sequence[Ahead] = (),
    header: tuple[str, ...],
    rows: Sequence[tuple[Cell, ...]],
) -> Chart:
    """The level from the first instant of `span` up to `until`; the axis covers the whole span.

    `moves` are in order and inside the span; days are those of `zone`, as `name_day` writes them;
    `ticks` label instants below; `header` and `rows` are the table. `ahead` continues
    from `until` as a band with a dashed line.
    """
    highest = max([opening, *(move.highest for move in moves), *(each.high for each in ahead)])
    lowest = min([opening, *(move.lowest for move in moves), *(each.low for each in ahead)])
    shown_limit = drawn_limit(limit, highest=highest)
    top = max(highest, shown_limit.level if shown_limit else 0)
    scale = Scale.over(lowest, top, from_zero=False)
    axis, days = _Axis(*span), _Days(zone, name_day)
    drawing = [_line(opening, moves, axis.x(until), axis, scale)]
    if ahead:
        present = moves[-1].level if moves else opening
        drawing.insert(0, _band([Ahead(until, present, present, present), *ahead], axis, scale))
    if shown_limit:
        near = [
            axis.x(mark.at)
            for mark in marks
            if abs(scale.y(mark.level) - scale.y(shown_limit.level)) < _LABEL_HEIGHT
        ]
        is_right_taken = any(x > 1 - _SIDE for x in near) and not any(x < _SIDE for x in near)
        drawing.append(limit_line(shown_limit, scale, at_start=is_right_taken))
    drawing += [
        text(label, x=x, y=HEIGHT - 8, kind="chart-label", at="middle" if x else "start")
        for x, label in ((axis.x(at), label) for at, label in ticks)
    ]
    drawing += _marks(marks, axis, scale)
    return Chart(
        title=title,
        svg=framed(title=title, description=description, scale=scale, drawing=drawing),
        header=header,
        rows=tuple(rows),
        note=" ".join(filter(None, (limit_note(limit, highest=highest), baseline_note(scale)))),
        points=(*_points(opening, moves, until, axis, days), *_points_ahead(ahead, axis, days)),
    )


def _points(
    opening: int, moves: Sequence[Move], until: datetime, axis: "_Axis", days: "_Days"
) -> Iterator[Point]:
    """The highest level of each local day up to `until`."""
    level, number = opening, 0
    zone = days.zone
    day = axis.first.astimezone(zone).date()
    while (starts_at := day_starts_at(day=day, zone=zone)) < until:
        ends_at, highest = day_ends_at(day=day, zone=zone), level
        while number < len(moves) and moves[number].at < ends_at:
            highest, level = max(highest, moves[number].highest), moves[number].level
            number += 1
        middle = starts_at + (min(ends_at, until) - starts_at) / 2
        yield Point(axis.x(middle), f"{days.name(day)}: {highest:,}")
        day += timedelta(days=1)


def _points_ahead(ahead: Sequence[Ahead], axis: "_Axis", days: "_Days") -> Iterator[Point]:
    for each in ahead:
        day = each.at.astimezone(days.zone).date()
        span = f", between {each.low:,} and {each.high:,}" if each.low != each.high else ""
        yield Point(axis.x(each.at), f"{days.name(day)}: about {each.expected:,}{span}")


@dataclass(frozen=True, slots=True)
class _Days:
    """The local days of a chart, and how they are written."""

    zone: ZoneInfo
    name: Callable[[date], str]


@dataclass(frozen=True, slots=True)
class _Axis:
    first: datetime
    end: datetime

    def x(self, at: datetime) -> float:
        share = (at - self.first) / (self.end - self.first)
        return min(max(share, 0.0), 1.0)


def _line(
    opening: int, moves: Sequence[Move], until: float, axis: _Axis, scale: Scale
) -> SafeString:
    path = [f"M0 {scale.y(opening)}"]
    level = opening
    for move in moves:
        path.append(f"H{axis.x(move.at) * _ACROSS:.0f}")
        # Down to the lowest and up to the highest: a peak of one second is as visible as any.
        turns = [level, move.lowest, move.highest, move.level]
        path += [f"V{scale.y(there)}" for here, there in pairwise(turns) if here != there]
        level = move.level
    path.append(f"H{until * _ACROSS:.0f}")
    line = "".join(path)
    area = f"{line}V{FLOOR}H0Z"
    # Filled only when the axis starts at zero: otherwise the area would show a wrong proportion.
    fill = svg('<path class="chart-area" d="{}"/>', area) if scale.low == 0 else ""
    return svg(
        '<svg width="100%" height="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" '
        'overflow="visible">{}<path class="chart-line" vector-effect="non-scaling-stroke" '
        'd="{}"/></svg>',
        HEIGHT, _ACROSS, HEIGHT, fill, line,
    )  # fmt: skip


def _band(ahead: Sequence[Ahead], axis: _Axis, scale: Scale) -> SafeString:
    across = [f"{axis.x(each.at) * _ACROSS:.0f}" for each in ahead]

    def line(levels: Sequence[int]) -> list[str]:
        return [f"{x} {scale.y(level)}" for x, level in zip(across, levels, strict=True)]

    highs, lows = line([each.high for each in ahead]), line([each.low for each in ahead])
    return svg(
        '<svg width="100%" height="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" '
        'overflow="visible"><path class="chart-band" d="M{}Z"/><path class="chart-expected" '
        'vector-effect="non-scaling-stroke" d="M{}"/></svg>',
        HEIGHT, _ACROSS, HEIGHT, "L".join([*highs, *reversed(lows)]),
        "L".join(line([each.expected for each in ahead])),
    )  # fmt: skip


def _marks(marks: Sequence[Mark], axis: _Axis, scale: Scale) -> list[SafeString]:
    drawn = []
    taken: list[float] = []
    for number, mark in enumerate(marks):
        x, y = axis.x(mark.at), scale.y(mark.level)
        kind = "chart-mark chart-mark-second" if number else "chart-mark"
        label = ""
        if all(abs(x - other) > _LABEL_DISTANCE for other in taken):
            label = text(f"{mark.level:,}", x=x, y=y - 11, kind="chart-value")
            taken.append(x)
        drawn.append(
            svg(
                '<circle class="{}" cx="{}" cy="{}" r="{}"><title>{}</title></circle>{}',
                kind, percent(x), y, 4 if number else 5, mark.name, label,
            )
        )  # fmt: skip
    return [joined(reversed(drawn))]
