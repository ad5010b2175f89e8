"""Events of several sources as one list, page by page.

A page begins at an instant and skips the events of that instant that the page before showed, so
that none is lost or shown twice, however many happened at once (a file adds thousands).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

EVENTS_PER_PAGE = 20
MOST_SKIPPED = 10_000


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; `key` orders events of one instant, `url` leads to more."""

    at: datetime
    key: tuple[str, int]
    text: str
    by: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Until:
    """Where a page begins: at events of `at` or before, without the newest `skipped` of `at`."""

    at: datetime
    skipped: int = 0

    @classmethod
    def parse(cls, text: str, *, now: datetime) -> "Until":
        """From a link to older events; now for anything else."""
        instant, _, skipped = text.partition("~")
        try:
            at = datetime.fromisoformat(instant)
        except ValueError:
            return cls(now)
        if at.tzinfo is None or not skipped.isascii() or not skipped.isdecimal():
            return cls(now)
        try:
            return cls(min(at.astimezone(UTC), now), min(int(skipped[:6]), MOST_SKIPPED))
        except OverflowError:
            return cls(now)

    def __str__(self) -> str:
        return f"{self.at.astimezone(UTC).isoformat()}~{self.skipped}"


# The newest events at an instant or before it, at most so many.
Source = Callable[[datetime, int], Iterable[Event]]


@dataclass(frozen=True, slots=True)
class Timeline:
    """A page of events; `older` is where the next page begins, None on the last one."""

    events: tuple[Event, ...]
    older: Until | None

    @classmethod
    def read(cls, sources: Iterable[Source], *, until: Until) -> "Timeline":
        """The page that begins there; one statement for each source."""
        most = until.skipped + EVENTS_PER_PAGE + 1
        found = [event for source in sources for event in source(until.at, most)]
        found.sort(key=lambda event: (event.at, event.key), reverse=True)
        rest = found[until.skipped :]
        shown = rest[:EVENTS_PER_PAGE]
        if len(rest) <= EVENTS_PER_PAGE:
            return cls(tuple(shown), None)
        last = shown[-1].at
        at_last = sum(event.at == last for event in shown)
        before = until.skipped if last == until.at else 0
        return cls(tuple(shown), Until(last, at_last + before))
