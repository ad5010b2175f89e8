"""Replays one organization's past under another cap. Pure.

An addition that would have exceeded the cap is blocked: it does not count against later additions,
its later removal removes no one, and it is not retried. Users from before the period stay. A cap
higher than the actual one adds no user: refused additions are not recorded (docs/decisions/0021).
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import NamedTuple

# An instant in microseconds since 1970, and the position of a month.
Begin = tuple[int, int]
# An addition that the cap would have blocked: its instant in microseconds since 1970, and the id of
# the user. A plain tuple, as there may be a hundred thousand.
Blocked = tuple[int, int]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Steps(NamedTuple):
    """Additions and removals in order of time: the instants in microseconds since 1970, and who.

    `moves` are the ids of the users, with a minus where one was removed.
    """

    instants: Sequence[int]
    moves: Sequence[int]


class Replay(NamedTuple):
    """The high-water mark of each month under the cap, and the blocked additions."""

    high_water_marks: tuple[int, ...]
    blocked: tuple[Blocked, ...]


def in_microseconds(begins: Iterable[tuple[datetime, int]]) -> tuple[Begin, ...]:
    """The instants of `counting_begins` as steps have them, for `replay`."""
    return tuple((microseconds(at), position) for at, position in begins)


def microseconds(at: datetime) -> int:
    """The instant as steps have it."""
    return (at - EPOCH) // MICROSECOND


def changes_under(*, opening: int, moves: Iterable[int], cap: int) -> list[int]:
    """What each move changes in the count under the cap: 0 for a blocked user's.

    An addition that changes nothing was blocked.
    """
    count, changes = opening, []
    absent: set[int] = set()
    for who in moves:
        if who > 0:
            if count < cap:
                change = 1
            else:
                change = 0
                absent.add(who)
        elif -who in absent:
            change = 0
            absent.discard(-who)
        else:
            change = -1
        count += change
        changes.append(change)
    return changes


def replay(*, opening: int, steps: Steps, cap: int, begins: Sequence[Begin]) -> Replay:
    """Replay consecutive months under `cap`.

    `opening` is the count at the start of the first month. `begins` are the instants, in order, at
    which the mark of the month at a position starts from the count then (`in_microseconds`).
    """
    instants, moves = steps
    changes = changes_under(opening=opening, moves=moves, cap=cap)
    levels = list(accumulate(changes, initial=opening))
    places = [bisect_left(instants, at) for at, _ in begins]
    marks = [opening] * (max(position for _, position in begins) + 1)
    for (_, position), first, end in zip(begins, places, [*places[1:], len(moves)], strict=True):
        marks[position] = max(levels[first : end + 1])
    blocked = tuple(
        (at, who)
        for at, who, change in zip(instants, moves, changes, strict=True)
        if not change and who > 0
    )
    return Replay(tuple(marks), blocked)
