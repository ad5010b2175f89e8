"""The method of forecasting a month's active users: who is not seen yet comes as others did.

Pure. Active users of a month only grow, and start anew with each. Of the people who were there and
not seen by the same share of a past month, so many still came until its end: as many of those not
seen today are expected (docs/decisions/0020).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from usage.forecast.method import FEWEST_SPANS


@dataclass(frozen=True, slots=True)
class ActivePart:
    """A month at one share of it: `reached` by then, `final` at its end, `there` to be active.

    Of the running month `final` is what is reached. `there` are users who were added by then and
    not removed before the month.
    """

    reached: int
    final: int
    there: int

    def added(self, other: "ActivePart") -> "ActivePart":
        """Both together."""
        return ActivePart(
            self.reached + other.reached, self.final + other.final, self.there + other.there
        )


NOTHING = ActivePart(0, 0, 0)


def compared(months: Sequence[ActivePart]) -> list[ActivePart | None]:
    """Past months that say something, oldest first; the first is only looked at for the second.

    None where nobody was active, or nobody in the month before: whoever begins to report, or moves
    in, does so once.
    """
    return [month if month.final and before.final else None for before, month in pairwise(months)]


def still_to_come(running: ActivePart, past: ActivePart) -> int:
    """How many more will be active, if those not seen yet come as they did in `past`.

    At most all of them. What came above that had joined since, and as many join again.
    """
    unseen, came = past.there - past.reached, past.final - past.reached
    left = max(0, running.there - running.reached)
    stayed = min(came, max(unseen, 0))
    returning = (2 * left * stayed + unseen) // (2 * unseen) if stayed else 0
    return returning + came - stayed


def active_ends(
    running: ActivePart,
    *,
    own: Sequence[ActivePart | None],
    together: Sequence[ActivePart],
    threshold: int | None,
) -> list[tuple[int, int]]:
    """What the month would come to after each of the past ones, and what it would without the
    threshold, which refuses whoever is new above it.

    `own` are the organization's past months; where they are too few, and in those that say nothing,
    it goes as all organizations `together` did.
    """
    is_known = sum(past is not None for past in own) >= FEWEST_SPANS
    ends = []
    for past, all_of_them in zip(own, together, strict=True):
        like = past if past is not None and is_known else all_of_them
        wanted = running.reached + still_to_come(running, like)
        most = wanted if threshold is None else max(threshold, running.reached)
        ends.append((min(wanted, most), wanted))
    return ends


def shares_by_day(days: Sequence[int], *, reached: int, today: int) -> list[float]:
    """Of those who came after this point of a past month, the share seen by each day's end.

    `days` are the month's active users by the day they were first seen; the first share is of
    `today`, the number of the running day.
    """
    rest = sum(days) - reached
    return [
        (sum(days[:day]) - reached) / rest if rest > 0 else 1.0
        for day in range(today, len(days) + 1)
    ]


def day_over(
    present: int, *, wanted: Sequence[int], shares: Sequence[Sequence[float]], limit: int
) -> int | None:
    """In how many days `limit` would be passed: in more than half of the past months it is by then.

    0 is today; None when not in this month, or when too little is known.
    """
    if present > limit:
        return 0
    if len(wanted) < FEWEST_SPANS:
        return None
    never = len(shares[0])
    passed = sorted(
        next((n for n, share in enumerate(by) if present + share * (end - present) > limit), never)
        for end, by in zip(wanted, shares, strict=True)
    )
    found = passed[len(passed) // 2]
    return found if found < never else None
