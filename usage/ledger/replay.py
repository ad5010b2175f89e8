"""Replays one month from the events alone, event by event, without any projection.

Slow and simple on purpose: an independent computation of what triggers and SQL maintain. It does
not read the counts in the events, the counters or the monthly rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

from django.db import connection

from core.metrics import Metric
from core.months import Month
from core.schema import require_provider_schema

BATCH = 10_000

# The database assigns instants to months (docs/decisions/0004).
EVENTS = """
    SELECT e.organization_id, e.metric, e.id, e.delta, e.at,
           date_trunc('month', e.at AT TIME ZONE p.billing_time_zone)::date,
           coalesce(e.at < c.counted_from, false), s.name, e.actor_name
    FROM (
        SELECT id, organization_id, metric, delta, coalesce(effective_at, at) AS at,
               subject_id, actor_name
        FROM usage_usageevent WHERE id <= coalesce(%(through)s, id)
    ) e
    JOIN usage_subject s ON s.metric = e.metric AND s.id = e.subject_id
    JOIN tenants_meteringpolicy p ON p.id = 1
    LEFT JOIN usage_month_counted_from c
        ON c.month = date_trunc('month', e.at AT TIME ZONE p.billing_time_zone)::date
    ORDER BY e.organization_id, e.metric, e.at, e.id
"""


@dataclass(frozen=True, slots=True)
class ReplayedMonth:
    """One organization's month of one metric; the peak's fields are None when it was carried in."""

    organization_id: int
    metric: Metric
    carried_in: int
    high_water_mark: int
    peak_event_id: int | None = None
    peak_at: datetime | None = None
    peak_subject_name: str = ""
    peak_actor_name: str = ""
    had_events: bool = False


def replay_month(
    *, month: Month, through_event: int | None = None
) -> dict[tuple[int, Metric], ReplayedMonth]:
    """The replayed month of each organization and metric that ever had an event.

    Reads the events up to `through_event`, or all, each at its real instant. A month in which a
    billed period begins is counted from that instant on. The database sends the events in batches:
    a log of any length is read with the same memory.
    """
    require_provider_schema()
    with connection.chunked_cursor() as cursor:
        cursor.execute(EVENTS, {"through": through_event})
        rows = chain.from_iterable(iter(lambda: cursor.fetchmany(BATCH), []))
        return {
            (organization_id, Metric(metric)): _replayed(
                organization_id, Metric(metric), events, month.first_day
            )
            for (organization_id, metric), events in groupby(rows, key=itemgetter(0, 1))
        }


def _replayed(
    organization_id: int, metric: Metric, events: Iterator[tuple[Any, ...]], first_day: date
) -> ReplayedMonth:
    count = 0
    replayed: ReplayedMonth | None = None
    for _, _, event_id, delta, at, month, is_before, subject_name, actor_name in events:
        if month > first_day:
            break
        if month == first_day and not is_before and replayed is None:
            replayed = ReplayedMonth(organization_id, metric, count, count, had_events=True)
        count += delta
        if replayed is not None and count > replayed.high_water_mark:
            replayed = ReplayedMonth(
                *(organization_id, metric, replayed.carried_in, count),
                *(event_id, at, subject_name, actor_name),
                had_events=True,
            )
    return replayed or ReplayedMonth(organization_id, metric, count, count)
