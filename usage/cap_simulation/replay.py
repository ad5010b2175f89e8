"""Replays one organization's past under another cap. Pure.

An addition that would have exceeded the cap is blocked: it does not count against later additions,
its later removal removes no one, and it is not retried. Users from before the period stay. A cap
higher than the actual one adds no user: refused additions are not recorded (docs/decisions/0021).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

# One addition (+1) or removal (-1) in the order of the events: instant in microseconds since 1970,
# delta, id and name of the subject. A plain tuple, as read from the database.
Step = tuple[int, int, int, str]
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


def replay(*, opening: int, steps: Iterable[Step], cap: int, starts: Sequence[datetime]) -> Replay:
    """Replay the months that begin at `starts` (in order) under `cap`.

    `opening` is the count at the start of the first month. A month starts with the count carried
    in.
    """
    count, month = opening, 0
    high_water_marks = [opening] * len(starts)
    absent: set[int] = set()
    blocked: list[Blocked] = []
    begins = [(start - EPOCH) // MICROSECOND for start in starts]
    for at, delta, subject_id, subject_name in steps:
        while month + 1 < len(begins) and at >= begins[month + 1]:
            month += 1
            high_water_marks[month] = count
        if delta < 0:
            if subject_id in absent:
                absent.discard(subject_id)
            else:
                count -= 1
        elif count >= cap:
            absent.add(subject_id)
            blocked.append(Blocked(EPOCH + at * MICROSECOND, subject_name))
        else:
            count += 1
            high_water_marks[month] = max(high_water_marks[month], count)
    high_water_marks[month + 1 :] = [count] * (len(starts) - month - 1)
    return Replay(tuple(high_water_marks), tuple(blocked))
