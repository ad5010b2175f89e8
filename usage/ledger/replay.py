"""A month replayed from the event log alone, one event after the other: what verification trusts.

Reads `delta`, the instants and the order of the log, and none of what the triggers projected from
it: no count, no counter, no monthly row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

from django.db import connection

from core.metrics import Metric
from core.months import Month
from core.schema import require_provider_schema

# In which month an instant lies is the database's to say (docs/decisions/0004).
AS_COUNTED = """
    SELECT e.organization_id, e.metric, e.id, e.delta, e.at,
           date_trunc('month', e.at AT TIME ZONE p.billing_time_zone)::date,
           e.subject_name, e.actor_name
    FROM usage_usageevent e JOIN tenants_meteringpolicy p ON p.id = 1
    WHERE e.id <= coalesce(%(through)s, e.id)
    ORDER BY e.organization_id, e.metric, e.id
"""
AS_IT_WAS = """
    SELECT e.organization_id, e.metric, e.id, e.delta, coalesce(e.effective_at, e.at),
           date_trunc(
               'month', coalesce(e.effective_at, e.at) AT TIME ZONE p.billing_time_zone
           )::date,
           e.subject_name, e.actor_name
    FROM usage_usageevent e JOIN tenants_meteringpolicy p ON p.id = 1
    WHERE e.id <= coalesce(%(through)s, e.id)
    ORDER BY e.organization_id, e.metric, coalesce(e.effective_at, e.at), e.id
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
    *, month: Month, through_event: int | None = None, as_it_was: bool = False
) -> dict[tuple[int, Metric], ReplayedMonth]:
    """Each organization's month of each metric it ever had an event of, replayed.

    Up to the event `through_event`, or all of them. As the events were counted, or, `as_it_was`,
    with those that were told late where they belong.
    """
    require_provider_schema()
    with connection.cursor() as cursor:
        cursor.execute(AS_IT_WAS if as_it_was else AS_COUNTED, {"through": through_event})
        return {
            (organization_id, Metric(metric)): _replayed(
                organization_id, Metric(metric), events, month.first_day
            )
            for (organization_id, metric), events in groupby(_rows(cursor), key=_of_one)
        }


def _rows(cursor: Any) -> Iterator[tuple[Any, ...]]:
    while portion := cursor.fetchmany(5000):
        yield from portion


def _of_one(row: tuple[Any, ...]) -> tuple[int, str]:
    return row[0], row[1]


def _replayed(
    organization_id: int, metric: Metric, events: Iterator[tuple[Any, ...]], first_day: date
) -> ReplayedMonth:
    level = 0
    found: ReplayedMonth | None = None
    for _, _, event_id, delta, at, month, subject_name, actor_name in events:
        if month > first_day:
            break
        if month == first_day and found is None:
            found = ReplayedMonth(organization_id, metric, level, level, had_events=True)
        level += delta
        if found is not None and level > found.high_water_mark:
            found = ReplayedMonth(
                *(organization_id, metric, found.carried_in, level),
                *(event_id, at, subject_name, actor_name),
                had_events=True,
            )
    return found or ReplayedMonth(organization_id, metric, level, level)
