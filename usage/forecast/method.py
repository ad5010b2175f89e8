"""The method of forecasting: what spans like the rest of this month did before. Pure.

No rate and no curve: the weeks behind are cut into spans that begin at the same hour of the same
weekday as now and are as long as what is left of the month. Each says what this month would come to
if it went on the same way (docs/decisions/0020).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, repeat
from math import ceil
from operator import sub

HISTORY_DAYS = 182
WEEK = 7
# With fewer spans to compare with, nothing is said but what is locked in.
FEWEST_SPANS = 4
LOW, HIGH = 0.05, 0.95
# How far ahead the day is looked for on which a limit would be passed.
HORIZON_DAYS = 91


@dataclass(frozen=True, slots=True)
class Track:
    """One count up to an instant: `present` then, `peak` in the month so far.

    Changes are known by age: how many whole days before the instant they were. `ages` (falling),
    with the `highs` of these days and the `levels` at their ends, are those with a change;
    `opening` is the level before the first. `is_final`: nothing can be added any more.
    """

    organization_id: int
    present: int
    peak: int
    opening: int
    ages: Sequence[int] = ()
    highs: Sequence[int] = ()
    levels: Sequence[int] = ()
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a month comes to: `locked_in` already, then low, expected and high at its end.

    In nine of ten of the spans compared with it stays within low and high. `spans` is how many
    there were; with too few all four are the same.
    """

    locked_in: int
    low: int
    expected: int
    high: int
    spans: int

    @property
    def avoidable(self) -> int:
        """What is expected on top of what is locked in."""
        return self.expected - self.locked_in


@dataclass(frozen=True, slots=True)
class Days:
    """A count day by day, oldest first: `levels[i]` ends day i, `highs[i]` is its highest.

    The last level is the present one; day 0 only says what the count began with.
    """

    levels: Sequence[int]
    highs: Sequence[int]

    @classmethod
    def of(cls, track: Track) -> "Days":
        """Every day of the history, also those without a change."""
        changed = [HISTORY_DAYS - age for age in track.ages]
        lasting = map(sub, [*changed, HISTORY_DAYS + 1], [0, *changed])
        levels = list(chain.from_iterable(map(repeat, [track.opening, *track.levels], lasting)))
        highs = levels.copy()
        for day, high in zip(changed, track.highs, strict=True):
            highs[day] = max(levels[day - 1], high)
        return cls(levels, highs)

    @classmethod
    def of_all(cls, tracks: Iterable[Track]) -> "Days":
        """Many counts as one, as `added_up` says; from the days with a change only."""
        changes = [0] * (HISTORY_DAYS + 1)
        for track in tracks:
            level = track.opening
            changes[0] += level
            for age, after in zip(track.ages, track.levels, strict=True):
                changes[HISTORY_DAYS - age] += after - level
                level = after
        levels = list(accumulate(changes))
        return cls(levels, levels)

    @classmethod
    def added_up(cls, several: Iterable["Days"]) -> "Days":
        """Many counts as one; highs are those at the ends of days, not all at one instant."""
        levels = [0] * (HISTORY_DAYS + 1)
        for days in several:
            levels = [total + level for total, level in zip(levels, days.levels, strict=True)]
        return cls(levels, levels)


def anchors(*, elapsed: int, left: int) -> range:
    """Where the compared spans begin: whole weeks ago, with `left` days after, `elapsed` before."""
    latest = HISTORY_DAYS - WEEK * ceil(left / WEEK)
    return range(latest, elapsed - 1, -WEEK)


def month_ends(track: Track, *, elapsed: int, left: int) -> list[int | None]:
    """What the month's peak would be after each compared span, latest first.

    A span counts in two ways, and the lower one is taken: how far the count rose above where it
    stood at the span's beginning, on top of the present count; and how far it passed the highest of
    the `elapsed` days before, on top of the peak so far. Never below that peak. None for a span
    that begins at zero: an organization moves in once.
    """
    where = anchors(elapsed=elapsed, left=left)
    if track.is_final or not left:
        return [track.peak] * len(where)
    if not track.ages:
        return [track.peak if track.opening else None] * len(where)
    days = Days.of(track)
    return span_ends(days, present=track.present, peak=track.peak, elapsed=elapsed, left=left)


def span_ends(days: Days, *, present: int, peak: int, elapsed: int, left: int) -> list[int | None]:
    """As `month_ends`, of a count that is known day by day; nothing can rise with no day left."""
    where = anchors(elapsed=elapsed, left=left)
    if not left:
        return [peak] * len(where)
    # A forecast of 5,000 organizations comes here 100,000 times: comparisons in place of calls.
    levels, highs = days.levels, days.highs
    ends: list[int | None] = []
    for at in where:
        opening = levels[at - elapsed]
        if not opening:
            ends.append(None)
            continue
        level, before = levels[at], opening
        top = max(highs[at + 1 : at + left + 1])
        if elapsed and (highest := max(highs[at - elapsed + 1 : at + 1])) > before:
            before = highest
        risen = present + top - level if top > level else present
        passed = peak + top - before if top > before else peak
        end = min(passed, risen)
        ends.append(max(peak, end))
    return ends


def outlook(*, locked_in: int, ends: Sequence[int | None]) -> Outlook:
    """Low, expected and high of one organization's month."""
    known = sorted(end for end in ends if end is not None)
    if len(known) < FEWEST_SPANS:
        return Outlook(locked_in, locked_in, locked_in, locked_in, spans=len(known))
    return Outlook(
        locked_in=locked_in,
        low=quantile(known, LOW),
        expected=quantile(known, 0.5),
        high=quantile(known, HIGH),
        spans=len(known),
    )


def month_ends_of(tracks: Sequence[Track], *, elapsed: int, left: int) -> list[int | None]:
    """Span by span the greatest of an organization's metrics; None where none is known."""
    several = [month_ends(track, elapsed=elapsed, left=left) for track in tracks]
    if len(several) == 1:
        return several[0]
    return [
        max((end for end in ends if end is not None), default=None)
        for ends in zip(*several, strict=True)
    ]


def quantile(ordered: Sequence[int], share: float) -> int:
    """The lowest figure that at least this share of the ordered ones do not exceed."""
    return ordered[max(ceil(share * len(ordered)) - 1, 0)]


def days_until_over(days: Days, *, limit: int, horizon: int = HORIZON_DAYS) -> int | None:
    """In how many days the count would be over `limit`: in half of the compared spans it is by
    then. 0 when it is over already, None when not within the horizon or too little is known.
    """
    present = days.levels[-1]
    if present > limit:
        return 0
    room = limit - present
    passed = sorted(
        _first_over(days, at, room, horizon) or horizon + 1
        for at in anchors(elapsed=0, left=horizon)
        if days.levels[at]
    )
    if len(passed) < FEWEST_SPANS:
        return None
    found = quantile(passed, 0.5)
    return found if found <= horizon else None


def _first_over(days: Days, at: int, room: int, horizon: int) -> int | None:
    over = days.levels[at] + room
    if max(days.highs[at + 1 : at + horizon + 1]) <= over:
        return None
    return next(ahead for ahead in range(1, horizon + 1) if days.highs[at + ahead] > over)


def levels_ahead(days: Days, *, ahead: int) -> tuple[int, int, int] | None:
    """The level so many days from now: low, expected and high; None where too little is known."""
    present = days.levels[-1]
    changes = sorted(
        days.levels[at + ahead] - days.levels[at]
        for at in anchors(elapsed=0, left=ahead)
        if days.levels[at]
    )
    if len(changes) < FEWEST_SPANS:
        return None
    low, expected, high = (quantile(changes, share) for share in (LOW, 0.5, HIGH))
    return max(0, present + low), max(0, present + expected), max(0, present + high)
