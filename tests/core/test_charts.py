"""Charts draw their values inside the frame, with classes that the stylesheet has."""

import json
import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from core.charts import (
    Bar,
    Chart,
    Limit,
    Mark,
    Move,
    Part,
    Tone,
    bar_chart,
    donut_chart,
    heat,
    sparkline,
    step_chart,
)
from core.charts.frame import FLOOR, HEIGHT, TOP, Scale

UTC_ZONE = ZoneInfo("UTC")
START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 4, 1, tzinfo=UTC)


def elements(chart: Chart) -> list[ET.Element]:
    """All elements of the drawing; raises unless it is well-formed."""
    return list(ET.fromstring(f"<figure>{chart.svg}</figure>").iter())  # noqa: S314 - our own


def steps(moves: list[Move], *, opening: int = 0, **more: object) -> Chart:
    return step_chart(
        title="Users in March",
        description="Between 0 and 3 users.",
        span=(START, END),
        opening=opening,
        moves=moves,
        until=more.pop("until", END),
        zone=UTC_ZONE,
        name_day=lambda day: f"{day.day} {day:%b}",
        ticks=[(START, "1 Mar"), (START + timedelta(days=14), "15 Mar")],
        header=("Day", "Highest"),
        rows=[("1 Mar", "3")],
        **more,
    )


def bars(*values: int, limit: Limit | None = None) -> Chart:
    return bar_chart(
        title="Months",
        description="A bar each.",
        bars=[Bar(label=f"M{n}", value=value, name=f"Month {n}") for n, value in enumerate(values)],
        columns=("Month", "Users"),
        limit=limit,
    )


def donut(*values: int) -> Chart:
    return donut_chart(
        title="Licenses",
        description="Used and left.",
        parts=[Part(f"Part {n}", value, Tone.PRIMARY) for n, value in enumerate(values)],
        figure="96",
        caption="of 100",
        columns=("Part", "Licenses"),
    )


CHARTS = {
    "steps": lambda: steps(
        [Move(START + timedelta(days=2), 2, 3, 0)],
        marks=[Mark(START + timedelta(days=2), 3, "3 users")],
        limit=Limit(4, "Cap"),
    ),
    "bars": lambda: bars(3, 0, 1234, limit=Limit(1500, "Committed")),
    "donut": lambda: donut(96, 4, 0),
}


@pytest.mark.parametrize("name", CHARTS)
def test_every_class_is_styled_and_nothing_styles_itself(name: str) -> None:
    styles = (settings.BASE_DIR / "static" / "css" / "app.css").read_text()
    for element in elements(CHARTS[name]()):
        assert "style" not in element.attrib
        assert not [key for key in element.attrib if key.startswith("on")]
        for each in element.get("class", "").split():
            assert re.search(rf"\.{each}[^\w-]", styles), each


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_has_a_title_and_description_for_screen_readers(name: str) -> None:
    (image,) = [each for each in elements(CHARTS[name]()) if each.get("role") == "img"]
    assert image.get("aria-label")
    assert [child.tag for child in image][:2] == ["title", "desc"]


def test_names_are_escaped() -> None:
    chart = donut_chart(
        title="<b>", description='"', parts=[Part("<script>", 1, Tone.REST)], figure="&",
        caption="<i>", columns=("a", "b"),
    )  # fmt: skip
    assert "<script>" not in chart.svg
    assert "<b>" not in chart.svg
    assert "<i>" not in chart.svg


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.booleans())
def test_a_scale_has_few_round_whole_numbers_around_the_values(
    one: int, other: int, from_zero: bool
) -> None:
    low, high = sorted((one, other))
    scale = Scale.over(low, high, from_zero=from_zero)
    assert 2 <= len(scale.ticks) <= 8
    assert scale.low <= low
    assert high <= scale.high
    assert TOP <= scale.y(high) <= scale.y(low) <= FLOOR
    assert not from_zero or scale.low == 0
    steps = {second - first for first, second in zip(scale.ticks, scale.ticks[1:], strict=False)}
    assert len(steps) == 1
    assert str(steps.pop()).rstrip("0") in {"1", "2", "5"}


def line_of(chart: Chart) -> str:
    (path,) = [each for each in elements(chart) if each.get("class") == "chart-line"]
    return path.get("d", "")


def test_a_level_is_drawn_in_steps_with_the_extremes_between() -> None:
    chart = steps([Move(START + timedelta(days=15, hours=12), 2, 4, 0)], opening=1)
    scale = Scale.over(0, 4, from_zero=False)
    assert line_of(chart) == (f"M0 {scale.y(1)}H5000V{scale.y(0)}V{scale.y(4)}V{scale.y(2)}H10000")


def test_the_line_ends_where_the_month_is_now() -> None:
    assert line_of(steps([], opening=1, until=START + timedelta(days=15, hours=12))).endswith(
        "H5000"
    )


def test_a_level_far_above_zero_is_not_pressed_flat_and_not_filled() -> None:
    chart = steps([Move(START, 502, 502, 502)], opening=498)
    assert "chart-area" not in chart.svg
    assert ">0</text>" not in chart.svg
    assert "chart-area" in steps([Move(START, 3, 3, 3)]).svg


@given(st.integers(0, 31 * 24), st.integers(0, 31 * 24))
def test_no_label_is_outside_or_overlaps_another(first: int, second: int) -> None:
    marks = [
        Mark(START + timedelta(hours=hours), level, "")
        for hours, level in ((first, 9), (second, 8))
    ]
    chart = steps([Move(START, 9, 9, 0)], marks=marks)
    values = [each for each in elements(chart) if each.get("class") == "chart-value"]
    assert values
    for each in values:
        across = float(each.get("x", "").rstrip("%"))
        assert 0 <= across <= 100
        expected = "start" if across < 8 else "end" if across > 92 else "middle"
        assert each.get("text-anchor") == expected
        assert 12 <= float(each.get("y", "")) <= HEIGHT
    assert (len(values) == 2) == (abs(first - second) / (31 * 24) > 0.09)


def test_a_limit_near_the_values_is_drawn_and_a_far_one_is_noted() -> None:
    near, far = bars(8, limit=Limit(10, "Cap")), bars(8, limit=Limit(10_000, "Cap"))
    assert "Cap 10</text>" in near.svg
    assert near.note == ""
    assert "chart-limit" not in far.svg
    assert far.note == "Cap 10,000 lies above the chart."


def test_bars_are_as_high_as_their_values() -> None:
    chart = bars(5, 10, 0)
    heights = [float(e.get("height", "")) for e in elements(chart) if e.tag == "rect"]
    assert heights == [(FLOOR - TOP) / 2, FLOOR - TOP, 0]
    assert chart.rows == (("Month 0", "5"), ("Month 1", "10"), ("Month 2", "0"))
    assert bars().rows == ()


def test_parts_of_a_donut_follow_one_another() -> None:
    arcs = [e for e in elements(donut(1, 0, 3)) if e.get("stroke-dasharray")]
    assert [arc.get("stroke-dasharray") for arc in arcs] == ["25.000 100", "75.000 100"]
    assert [arc.get("stroke-dashoffset") for arc in arcs] == ["-0.000", "-25.000"]
    assert [e for e in elements(donut(0)) if e.get("stroke-dasharray")] == []


def test_bars_start_above_zero_only_where_zero_hides_the_change() -> None:
    """And then the axis says so, and a difference of one is no leap."""
    assert bars(3200, 3312).note == "The axis starts at 2,900."
    assert bars(8, 10).note == bars(5, 5).note == ""
    one_more = bars(24, 25)
    first, second = [float(e.get("height", "")) for e in elements(one_more) if e.tag == "rect"]
    assert second < 2 * first


def test_zeros_are_a_sentence_and_no_chart() -> None:
    assert bars(0, 0).svg == ""
    assert bars(0, 0).note == "Users: 0 in all of them."


def test_what_is_expected_is_drawn_above_the_present() -> None:
    chart = bar_chart(
        title="Months", description="A bar each.", columns=("Month", "Users"),
        bars=[Bar("Jan", 4), Bar("Feb", 8, is_open=True, expected=10)],
    )  # fmt: skip
    assert "~10</text>" in chart.svg
    assert chart.points[-1].text == "Feb: 8, about 10 expected"
    assert chart.rows[-1] == ("Feb, about 10 expected", "8")


def test_a_pointer_reads_each_local_day_at_its_highest() -> None:
    chart = steps([Move(START + timedelta(days=1, hours=3), 1, 4, 0)], opening=2)
    assert [point.text for point in chart.points[:3]] == ["1 Mar: 2", "2 Mar: 4", "3 Mar: 1"]
    assert len(chart.points) == 31
    assert json.loads(chart.readout)[0] == [1.61, "1 Mar: 2"]


@pytest.mark.parametrize(("day", "anchor"), [(1, "end"), (28, "start")])
def test_the_limit_is_named_away_from_a_mark_at_its_level(day: int, anchor: str) -> None:
    chart = steps(
        [], opening=9, marks=[Mark(START + timedelta(days=day), 9, "")], limit=Limit(9, "Cap")
    )
    (label,) = [each for each in elements(chart) if each.get("class") == "chart-limit-label"]
    assert label.get("text-anchor") == anchor


def test_a_sparkline_has_its_lowest_and_highest() -> None:
    drawing = sparkline([5, 3, 9, 4], name="Acme")
    assert 'aria-label="Acme: from 3 to 9, last 4"' in drawing
    assert "3\N{EN DASH}9</span>" in drawing
    assert drawing.count("<circle") == 2
    assert sparkline([4, 4], name="Acme").count("<circle") == 0
    assert sparkline([], name="Acme") == ""
    assert "&lt;b&gt;" in sparkline([1], name="<b>")


def test_heat_goes_from_the_lowest_to_the_highest_and_is_none_of_small_differences() -> None:
    assert heat([10, 20, 15, 12]) == [0, 4, 2, 1]
    assert heat([100, 101, 100]) == [0, 0, 0]
    assert heat([]) == []
