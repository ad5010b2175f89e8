"""One organization's past under another cap. Pure.

An addition that would have passed the cap is blocked: it never came, so it takes no room from those
after it, its removal later removes nobody, and nobody tries again. Who was there when the span
began stays. A higher cap than there was adds nobody: who was refused is not known
(docs/decisions/0021).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

# One addition (+1) or removal (-1) in the order of the log: its instant in microseconds of the
# epoch, the change, whose it is, and their name. A bare tuple, as the database gives it.
Step = tuple[int, int, int, str]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Blocked(NamedTuple):
    """An addition that the cap would have refused."""

    at: datetime
    subject_name: str


@dataclass(frozen=True, slots=True)
class Replay:
    """The high-water mark of each month under the cap, and who would not have come."""

    marks: tuple[int, ...]
    blocked: tuple[Blocked, ...]


def replay(*, opening: int, steps: Iterable[Step], cap: int, starts: Sequence[datetime]) -> Replay:
    """The months that begin at `starts` (in order) gone through once more under `cap`.

    `opening` is how many there were when the first month began; a month begins at the level
    carried in.
    """
    level, month = opening, 0
    marks = [opening] * len(starts)
    absent: set[int] = set()
    blocked: list[Blocked] = []
    begins = [(start - EPOCH) // MICROSECOND for start in starts]
    for at, delta, subject_id, subject_name in steps:
        while month + 1 < len(begins) and at >= begins[month + 1]:
            month += 1
            marks[month] = level
        if delta < 0:
            if subject_id in absent:
                absent.discard(subject_id)
            else:
                level -= 1
        elif level >= cap:
            absent.add(subject_id)
            blocked.append(Blocked(EPOCH + at * MICROSECOND, subject_name))
        else:
            level += 1
            marks[month] = max(marks[month], level)
    marks[month + 1 :] = [level] * (len(starts) - month - 1)
    return Replay(tuple(marks), tuple(blocked))
