"""The expected ledger, computed naively one event after the other."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from core.months import Month
from usage.explain.counted_at_peak import counted_at_peak
from usage.explain.peaks import Explanation

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Naive:
    """The log as a list of (real instant, subject, delta), and what follows from it by reading it.

    The list is in the order of recording. A frozen month knows the part of it until its freeze.
    """

    zone: ZoneInfo
    log: list[tuple[datetime, int, int]] = field(default_factory=list)
    not_before: datetime = LONG_AGO
    closed_through: datetime = LONG_AGO
    frozen: dict[Month, int] = field(default_factory=dict)

    def happen(self, moves: list[tuple[datetime, int]], delta: int) -> None:
        added = {subject: when for when, subject, change in self.log if change > 0}
        placed = sorted((max(when, self.not_before), subject, when) for when, subject in moves)
        self.log += [
            (when if delta > 0 else max(when, added[subject]), subject, delta)
            for _, subject, when in placed
        ]
        self.not_before = max([self.not_before, *(at for at, _, _ in placed)])

    def close(self, month: Month) -> None:
        if month.ends_at(self.zone) > self.closed_through:
            self.closed_through = month.ends_at(self.zone)
            self.not_before = max(self.not_before, self.closed_through)
            self.frozen[month] = len(self.log)

    def known(self, month: Month) -> list[tuple[datetime, int, int]]:
        """The events that the month includes, by their real instants."""
        frozen = min((each for each in self.frozen if each >= month), default=None)
        known = self.log if frozen is None else self.log[: self.frozen[frozen]]
        return sorted(known, key=lambda event: event[0])

    def before(self, month: Month) -> list[int]:
        counted: list[int] = []
        for when, subject, delta in self.known(month):
            if when < month.starts_at(self.zone):
                counted = [*counted, subject] if delta > 0 else [c for c in counted if c != subject]
        return counted

    def explanation(self, month: Month) -> dict[str, object]:
        """What a month's explanation should say, worked out one event after the other."""
        counted = self.before(month)
        states: list[tuple[datetime | None, int | None, list[int]]] = [(None, None, counted)]
        for when, subject, delta in self.known(month):
            if Month.of(when, self.zone) == month:
                counted = [*counted, subject] if delta > 0 else [c for c in counted if c != subject]
                states.append((when, subject, counted))
        levels = [-1, *(len(there) for _, _, there in states), -1]
        local_peaks = [
            number
            for number in range(len(states))
            if levels[number] < levels[number + 1] > levels[number + 2]
        ]
        ranked = sorted(local_peaks, key=lambda number: (-levels[number + 1], number))
        best = states[ranked[0]]
        second = states[ranked[1]] if len(ranked) > 1 else None
        return {
            "carried_in": len(states[0][2]),
            "peak": (len(best[2]), best[0] or month.starts_at(self.zone), best[1]),
            "left": states[ranked[0] + 1][0] if ranked[0] + 1 < len(states) else None,
            "counted": sorted(best[2]),
            "second_peak": second
            and (len(second[2]), second[0] or month.starts_at(self.zone), second[1]),
            "times": sum(levels[number + 1] == len(best[2]) for number in local_peaks),
            "added": sum(len(a[2]) < len(b[2]) for a, b in pairwise(states)),
            "removed": sum(len(a[2]) > len(b[2]) for a, b in pairwise(states)),
            "days": sorted({when.astimezone(self.zone).date() for when, _, _ in states if when}),
            "ends": len(states[-1][2]),
        }


def explained(explanation: Explanation) -> dict[str, object]:
    """The explanation in the same words."""
    peak, second = explanation.peak, explanation.second_peak
    counted, number = counted_at_peak(explanation=explanation)
    assert number == len(counted) == explanation.high_water_mark
    hours = explanation.hours
    assert max([explanation.carried_in, *(hour.highest for hour in hours)]) == peak.level
    return {
        "carried_in": explanation.carried_in,
        "peak": (peak.level, peak.at, peak.event and peak.event.subject_id),
        "left": peak.until,
        "counted": sorted(each.subject_id for each in counted),
        "second_peak": second
        and (second.level, second.at, second.event and second.event.subject_id),
        "times": peak.times,
        "added": sum(hour.added for hour in hours),
        "removed": sum(hour.removed for hour in hours),
        "days": list(explanation.days),
        "ends": hours[-1].closing if hours else explanation.carried_in,
    }


class NaiveActivity:
    """What should be counted, worked out one sighting after the other."""

    def __init__(self, zone: ZoneInfo, threshold: int | None) -> None:
        self.zone, self.threshold = zone, threshold
        self.first: dict[tuple[str, int], datetime] = {}
        self.late: set[tuple[str, int]] = set()
        self.closed_through = LONG_AGO

    def close(self, month: Month) -> None:
        self.closed_through = max(self.closed_through, month.ends_at(self.zone))

    def count(self, month: str) -> int:
        return sum(of == month for of, _ in self.first)

    def report(self, seen: list[tuple[int, datetime]]) -> bool:
        """Whether all of it fitted; nothing is reported otherwise."""
        first, late = dict(self.first), set(self.late)
        for person, when in seen:
            key = (str(Month.of(when, self.zone)), person)
            if when >= self.closed_through:
                first[key] = min(when, first.get(key, when))
            elif key not in first:
                late.add(key)
        months = {month for month, _ in first}
        if self.threshold is not None and any(
            sum(of == month for of, _ in first) > max(self.threshold, self.count(month))
            for month in months
        ):
            return False
        self.first, self.late = first, late
        return True
