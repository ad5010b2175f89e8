"""The method of forecasting a month's active users. Pure.

The number only grows within a month and starts at zero in each. Of the users not seen by the same
share of a past month, some were still seen until its end; the same part of the users not seen now
is expected (docs/decisions/0020).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from usage.forecast.method import FEWEST_SPANS


class ActivePart(NamedTuple):
    """A month at one share of it: `reached` by then, `final` at its end, `there` to be active.

    Of the running month `final` is what is reached. `there` are users who were added by then and
    not removed before the month.
    """

    reached: int
    final: int
    there: int


def compared(months: Sequence[ActivePart]) -> list[ActivePart | None]:
    """Past months usable for comparison, oldest first; the first one only precedes the second.

    None for a month without active users, and for the first month with some: an organization
    begins to report only once.
    """
    return [month if month.final and before.final else None for before, month in pairwise(months)]


def still_to_come(running: ActivePart, past: ActivePart) -> int:
    """How many more users will be active, if the rest of the month goes as in `past`.

    At most all users not seen yet; those in `past` beyond that had been added since, and as many
    are added again.
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
    """The month's end after each past month: with the limit, and without it.

    The limit refuses new users above it. `own` are the organization's past months; when they are
    too few, and for None among them, those of all organizations `together` are used.
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
