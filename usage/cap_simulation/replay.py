"""Replays one organization's past under another cap. Pure.

An addition that would have exceeded the cap is blocked: it does not count against later additions,
its later removal removes no one, and it is not retried. Users from before the period stay. A cap
higher than the actual one adds no user: refused additions are not recorded (docs/decisions/0021).
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

# One addition (+1) or removal (-1), in order of time: instant in microseconds since 1970, delta, id
# and name of the subject. A plain tuple, as read from the database.
Step = tuple[int, int, int, str]
# An instant in microseconds since 1970, and the position of a month.
Begin = tuple[int, int]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Blocked(NamedTuple):
    """An addition that the cap would have blocked."""

    at: datetime
    subject_name: str


@dataclass(frozen=True, slots=True)
class Replay:
    """The high-water mark of each month under the cap, and the blocked additions."""

    high_water_marks: tuple[int, ...]
    blocked: tuple[Blocked, ...]


@dataclass(slots=True)
class CappedCount:
    """One organization's count under a cap, step by step; `absent` are those it blocked."""

    count: int
    cap: int
    absent: set[int] = field(default_factory=set)

    def step(self, delta: int, subject_id: int) -> int:
        """Take a step; returns the change of the count: 0 for a blocked user's addition or removal.

        An addition that returns 0 was blocked.
        """
        if delta < 0 and subject_id in self.absent:
            self.absent.discard(subject_id)
            return 0
        if delta > 0 and self.count >= self.cap:
            self.absent.add(subject_id)
            return 0
        self.count += delta
        return delta


def in_microseconds(begins: Iterable[tuple[datetime, int]]) -> tuple[Begin, ...]:
    """The instants of `counting_begins` as steps have them, for `replay`."""
    return tuple(((at - EPOCH) // MICROSECOND, position) for at, position in begins)


def replay(*, opening: int, steps: Iterable[Step], cap: int, begins: Sequence[Begin]) -> Replay:
    """Replay consecutive months under `cap`.

    `opening` is the count at the start of the first month. `begins` are the instants, in order, at
    which the mark of the month at a position starts from the count then (`in_microseconds`).
    """
    capped, month = CappedCount(opening, cap), 0
    high_water_marks = [opening] * (max(position for _, position in begins) + 1)
    blocked: list[Blocked] = []
    waiting = deque(begins)
    for at, delta, subject_id, subject_name in steps:
        while waiting and at >= waiting[0][0]:
            month = waiting.popleft()[1]
            high_water_marks[month] = capped.count
        change = capped.step(delta, subject_id)
        if delta > 0 and not change:
            blocked.append(Blocked(EPOCH + at * MICROSECOND, subject_name))
        high_water_marks[month] = max(high_water_marks[month], capped.count)
    for _, position in waiting:
        high_water_marks[position] = capped.count
    return Replay(tuple(high_water_marks), tuple(blocked))
