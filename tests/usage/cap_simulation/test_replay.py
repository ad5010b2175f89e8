"""The past under another cap: against an own, naive way, and at its edges."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from usage.cap_simulation.input import NotACap, read_cap, read_list
from usage.cap_simulation.replay import (
    EPOCH,
    MICROSECOND,
    Replay,
    Steps,
    in_microseconds,
    microseconds,
    replay,
)

STARTS = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3)]

BEGINS = in_microseconds((start, position) for position, start in enumerate(STARTS))


# An instant, and who came or, with a minus, left.
Step = tuple[int, int]


def step(day: int, delta: int, who: int) -> Step:
    return microseconds(datetime(2026, 1, day, 12, tzinfo=UTC)), delta * who


def steps_of(steps: list[Step]) -> Steps:
    return Steps([at for at, _ in steps], [who for _, who in steps])


def blocked(done: Replay) -> list[int]:
    return [who for _, who in done.blocked]


def test_who_would_have_passed_the_cap_never_came_nor_left() -> None:
    done = replay(
        opening=2,
        steps=steps_of(
            [step(1, 1, 7), step(2, 1, 8), step(3, -1, 8), step(4, 1, 9), step(5, -1, 7)]
        ),
        cap=3,
        begins=BEGINS,
    )
    assert blocked(done) == [8, 9]
    assert done.high_water_marks == (3, 2, 2)


def test_a_place_that_becomes_free_is_taken_by_the_next() -> None:
    done = replay(
        opening=2,
        steps=steps_of([step(1, 1, 7), step(2, -1, 1), step(3, 1, 8), step(4, 1, 9)]),
        cap=2,
        begins=BEGINS,
    )
    assert blocked(done) == [7, 9]
    assert done.high_water_marks == (2, 2, 2)


def test_a_cap_below_the_present_count_removes_no_user() -> None:
    steps = [step(1, 1, 7), step(2, -1, 1), step(3, -1, 2), step(4, -1, 3), step(5, 1, 8)]
    done = replay(opening=5, steps=steps_of(steps), cap=3, begins=BEGINS)
    assert blocked(done) == [7]
    assert done.high_water_marks == (5, 3, 3)


def test_a_month_begins_with_what_is_carried_in_and_a_boundary_is_the_next_months() -> None:
    first = (microseconds(STARTS[1]), 7)
    last = (microseconds(STARTS[1]) - 1, 6)
    done = replay(opening=4, steps=steps_of([last, first]), cap=9, begins=BEGINS)
    assert done.high_water_marks == (5, 6, 6)
    still = replay(opening=4, steps=Steps([], []), cap=1, begins=BEGINS)
    assert still.high_water_marks == (4, 4, 4)


def test_a_month_that_is_billed_from_within_starts_again_from_the_count_then() -> None:
    begins = sorted([*BEGINS, (microseconds(datetime(2026, 1, 10, tzinfo=UTC)), 0)])
    steps = [step(2, 1, 7), step(3, 1, 8), step(4, 1, 9), step(5, -1, 7), step(12, 1, 6)]
    done = replay(opening=1, steps=steps_of(steps), cap=3, begins=begins)
    assert blocked(done) == [9]
    assert done.high_water_marks == (3, 3, 3), "2 on the 10th, and one more"
    four = steps_of(steps[:4])
    none_since = replay(opening=1, steps=four, cap=9, begins=begins)
    assert none_since.high_water_marks == (3, 3, 3)
    assert replay(opening=1, steps=four, cap=9, begins=BEGINS).high_water_marks == (4, 3, 3)


def naive(opening: int, steps: list[Step], cap: int) -> tuple[tuple[int, ...], list[int]]:
    """As a set of who is there, looked at after every step."""
    there, refused = set(range(1, opening + 1)), []
    levels = [(STARTS[0] - timedelta(days=1), opening)]
    for at, who in steps:
        if who < 0:
            there.discard(-who)
        elif len(there) < cap:
            there.add(who)
        else:
            refused.append(who)
        levels.append((EPOCH + at * MICROSECOND, len(there)))
    marks = []
    for number, start in enumerate(STARTS):
        end = STARTS[number + 1] if number + 1 < len(STARTS) else datetime.max.replace(tzinfo=UTC)
        carried_in = [level for at, level in levels if at < start][-1]
        marks.append(max([carried_in, *(level for at, level in levels if start <= at < end)]))
    return tuple(marks), refused


def story(chance: random.Random, opening: int) -> list[Step]:
    there, steps, number = list(range(1, opening + 1)), [], opening
    at = STARTS[0]
    for _ in range(chance.randrange(0, 40)):
        at += timedelta(hours=chance.choice([0, 1, 30, 200]))
        if there and chance.random() < 0.45:
            who = there.pop(chance.randrange(len(there)))
            steps.append((microseconds(at), -who))
            continue
        number += 1
        there.append(number)
        steps.append((microseconds(at), number))
    return steps


def test_it_is_what_a_naive_replay_says() -> None:
    for seed in range(2_000):
        chance = random.Random(seed)
        opening = chance.randrange(0, 6)
        steps = story(chance, opening)
        cap = chance.randrange(1, 8)
        done = replay(opening=opening, steps=steps_of(steps), cap=cap, begins=BEGINS)
        assert (done.high_water_marks, blocked(done)) == naive(opening, steps, cap), seed


@pytest.mark.parametrize(
    ("text", "cap"), [("5", 5), (" 1,200 ", 1200), ("10000", 10_000), ("None", None)]
)
def test_a_cap_is_read(text: str, cap: int | None) -> None:
    assert read_cap(text) == cap


@pytest.mark.parametrize("text", ["0", "10001", "-3", "1.5", "12,00", "x", "", "٣", "9" * 50])
def test_what_is_no_cap_is_refused(text: str) -> None:
    with pytest.raises(NotACap):
        read_cap(text)


def test_a_list_is_read_as_it_comes_from_a_spreadsheet() -> None:
    known = {"acme, inc.": 11, "brandt": 12, "cole": 13}
    read = read_list(
        'Organization,User cap\n"Acme, Inc.",25\n\nBRANDT,none\n13, 7\n',
        organizations=known,
        ids=known.values(),
    )
    assert (read.caps, read.mistakes) == ({11: 25, 12: None, 13: 7}, ())
    tabs = read_list("Brandt\t1200\ncole\t4", organizations=known, ids=known.values())
    assert tabs.caps == {12: 1200, 13: 4}


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("brandt,5\nunknown,7", "Line 2: there is no organization “unknown”."),
        ("brandt,5\ncole,many", "Line 2: Enter a whole number"),
        ("brandt,5\nBrandt,6", "Line 2: “Brandt” is listed twice."),
        ("brandt,5\n7", "Line 2: there is no organization"),
        ("Organization,cap", "There is no line"),
        ('brandt,5\n"cole,5', "Line 2:"),
    ],
)
def test_a_list_with_a_mistake_says_which_line(text: str, mistake: str) -> None:
    known = {"brandt": 12, "cole": 13}
    read = read_list(text, organizations=known, ids=known.values())
    assert len(read.mistakes) == 1
    assert read.mistakes[0].startswith(mistake)
