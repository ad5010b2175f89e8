"""The peaks of all organizations together in past months: as they were, and under drafted caps."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from core.metrics import Metric
from core.months import Month
from core.schema import require_provider_schema
from usage.cap_simulation.counting_begins import counting_begins
from usage.cap_simulation.replay import changes_under
from usage.ledger.combined_replay import CombinedCounts

_COUNTERS = """
    SELECT organization_id, metric, count FROM usage_organizationcounter
    WHERE metric = ANY (%(metrics)s) AND organization_id = ANY (%(organizations)s)
"""
# Each event at its real instant; it is recorded then or later.
_STEPS = """
    SELECT real_at, organization_id, metric, delta, subject_id
    FROM (SELECT *, coalesce(effective_at, at) AS real_at FROM usage_usageevent) e
    WHERE metric = ANY (%(metrics)s) AND organization_id = ANY (%(organizations)s)
        AND at >= %(start)s AND real_at >= %(start)s
    ORDER BY real_at, id
"""


class CombinedStep(NamedTuple):
    """An addition (+1) or removal (-1) in an organization."""

    at: datetime
    organization_id: int
    metric: Metric
    delta: int
    subject_id: int


@dataclass(frozen=True, slots=True)
class CombinedMarks:
    """The peaks of all organizations together by month, as they were and under the draft."""

    actual: tuple[int, ...]
    drafted: tuple[int, ...]


def combined_marks(
    *,
    metric: Metric,
    caps: Mapping[int, int | None],
    organizations: Iterable[int],
    months: Sequence[Month],
    zone: ZoneInfo,
) -> CombinedMarks:
    """The peaks of these consecutive months, of these organizations together; in three statements.

    `caps` is the draft. The last month may be running. Caps limit users, not devices.
    """
    require_provider_schema()
    begins = counting_begins(months=months, zone=zone)
    parameters: dict[str, Any] = {
        "metrics": list(metric.counted),
        "organizations": list(organizations),
        "start": begins[0][0],
    }
    with connection.cursor() as cursor:
        cursor.execute(_STEPS, parameters)
        steps = [CombinedStep._make(row) for row in cursor.fetchall()]
        cursor.execute(_COUNTERS, parameters)
        opening = {(pk, Metric(counted)): count for pk, counted, count in cursor.fetchall()}
    for step in steps:
        opening[step.organization_id, Metric(step.metric)] -= step.delta
    limits = {pk: cap for pk, cap in caps.items() if cap is not None}
    return CombinedMarks(
        actual=_marks(opening, steps, {}, begins), drafted=_marks(opening, steps, limits, begins)
    )


def _marks(
    opening: Mapping[tuple[int, Metric], int],
    steps: Sequence[CombinedStep],
    caps: Mapping[int, int],
    begins: Sequence[tuple[datetime, int]],
) -> tuple[int, ...]:
    """The highest total of each month; all steps of one instant are one change."""
    capped = _capped(opening, steps, caps)
    combined = CombinedCounts.of(opening)
    marks, month = [combined.total] * (max(position for _, position in begins) + 1), 0
    waiting = deque(begins)
    for at, together in groupby(steps, key=lambda step: step.at):
        while waiting and at >= waiting[0][0]:
            month = waiting.popleft()[1]
            marks[month] = combined.total
        for step in together:
            metric, delta = Metric(step.metric), step.delta
            if metric is Metric.USERS and step.organization_id in capped:
                delta = next(capped[step.organization_id])
            combined.change(step.organization_id, metric, delta)
        marks[month] = max(marks[month], combined.total)
    for _, position in waiting:
        marks[position] = combined.total
    return tuple(marks)


def _capped(
    opening: Mapping[tuple[int, Metric], int],
    steps: Iterable[CombinedStep],
    caps: Mapping[int, int],
) -> dict[int, Iterator[int]]:
    """By capped organization, what each of its users' steps changes under the cap."""
    moves: dict[int, list[int]] = defaultdict(list)
    for step in steps:
        if Metric(step.metric) is Metric.USERS and step.organization_id in caps:
            moves[step.organization_id].append(step.delta * step.subject_id)
    return {
        pk: iter(changes_under(opening=opening[pk, Metric.USERS], moves=each, cap=caps[pk]))
        for pk, each in moves.items()
    }
