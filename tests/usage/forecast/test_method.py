"""The method of forecasting, on counts made up by hand."""

import pytest

from usage.forecast.method import (
    FEWEST_SPANS,
    HISTORY_DAYS,
    Days,
    Track,
    anchors,
    days_until_over,
    levels_ahead,
    month_ends,
    outlook,
    quantile,
)


def track(levels: dict[int, int], *, opening: int = 20, peak: int | None = None) -> Track:
    """A count that ends the day so many days ago (age) at a level."""
    ages = tuple(sorted(levels, reverse=True))
    after = tuple(levels[age] for age in ages)
    present = after[-1] if after else opening
    return Track(1, present, peak or present, opening, ages=ages, highs=after, levels=after)


def steady(*, every: int, opening: int = 20) -> Track:
    """One more every so many days, up to today."""
    ages = range(HISTORY_DAYS - 1, -1, -every)
    return track({age: opening + n for n, age in enumerate(ages, start=1)}, opening=opening)


def test_days_hold_every_day_also_those_without_a_change() -> None:
    days = Days.of(track({3: 22, 1: 21}))
    assert len(days.levels) == HISTORY_DAYS + 1
    assert list(days.levels[-5:]) == [20, 22, 22, 21, 21]
    assert list(days.highs[-5:]) == [20, 22, 22, 22, 21]


def test_a_change_of_this_very_hour_and_one_of_the_oldest_day_are_both_in() -> None:
    days = Days.of(track({HISTORY_DAYS - 1: 30, 0: 31}))
    assert (days.levels[0], days.levels[1], days.levels[-1]) == (20, 30, 31)


def test_a_count_that_never_changed_stays_and_a_peak_is_never_divided_by_time() -> None:
    still = Track(1, present=30, peak=30, opening=30)
    ends = month_ends(still, elapsed=10, left=20)
    assert set(ends) == {30}
    assert outlook(locked_in=30, ends=ends).expected == 30


def test_steady_growth_goes_on_at_its_pace() -> None:
    one = steady(every=7)
    expected = outlook(locked_in=one.peak, ends=month_ends(one, elapsed=0, left=28)).expected
    assert expected == one.present + 4


@pytest.mark.parametrize("left", [0, 1, 7, 15, 30])
def test_nothing_is_expected_below_what_is_locked_in(left: int) -> None:
    falling = track({age: 20 + age // 7 for age in range(0, HISTORY_DAYS, 7)}, opening=50, peak=48)
    month = outlook(locked_in=48, ends=month_ends(falling, elapsed=5, left=left))
    assert month.locked_in == month.low == month.expected == month.high == 48


def test_growth_from_far_below_the_peak_does_not_pass_it() -> None:
    """One more every week for half a year, then thirty leave at once."""
    weekly = {age: 40 + n for n, age in enumerate(range(180, 3, -7), start=1)}
    shrunk = track(weekly | {2: 35}, opening=40, peak=max(weekly.values()))
    month = outlook(locked_in=shrunk.peak, ends=month_ends(shrunk, elapsed=10, left=20))
    assert month.expected == month.high == shrunk.peak


def test_moving_in_is_not_repeated() -> None:
    """No user until 40 days ago, then 25 at once: spans from before say nothing."""
    new = track({40: 25}, opening=0)
    ends = month_ends(new, elapsed=0, left=14)
    month = outlook(locked_in=25, ends=ends)
    assert month.expected == month.high == 25
    assert month.spans < len(ends)


def test_too_few_spans_say_nothing_but_what_is_locked_in() -> None:
    newer = track({20: 10, 10: 15, 1: 19}, opening=0)
    month = outlook(locked_in=19, ends=month_ends(newer, elapsed=0, left=7))
    assert month.spans < FEWEST_SPANS
    assert (month.low, month.expected, month.high) == (19, 19, 19)


def test_a_removed_organization_is_final() -> None:
    gone = Track(1, 0, 40, 20, ages=(50, 20, 1), highs=(30, 40, 40), levels=(30, 40, 0),
                 is_final=True)  # fmt: skip
    assert set(month_ends(gone, elapsed=3, left=20)) == {40}


def test_spans_begin_on_the_same_weekday_and_end_before_now() -> None:
    where = anchors(elapsed=10, left=20)
    assert all((HISTORY_DAYS - at) % 7 == 0 for at in where)
    assert max(where) + 20 <= HISTORY_DAYS
    assert min(where) - 10 >= 0


def test_the_day_of_a_limit() -> None:
    one = Days.of(steady(every=7))
    present = one.levels[-1]
    assert days_until_over(one, limit=present - 1) == 0
    first = days_until_over(one, limit=present)
    later = days_until_over(one, limit=present + 4)
    assert first is not None
    assert later == first + 28
    assert days_until_over(one, limit=present + 40) is None
    assert days_until_over(Days.of(Track(1, 30, 30, 30)), limit=30) is None


def test_levels_ahead_may_fall() -> None:
    falling = Days.of(track({age: 20 + age // 7 for age in range(0, HISTORY_DAYS, 7)}, opening=46))
    assert levels_ahead(falling, ahead=14) == (18, 18, 18)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.05, 1), (0.5, 2), (0.51, 3), (0.95, 4), (0.0, 1), (1.0, 4)]
)
def test_a_quantile_is_one_of_the_figures(share: float, expected: int) -> None:
    assert quantile([1, 2, 3, 4], share) == expected
