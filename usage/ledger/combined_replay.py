"""Replays the count of all organizations together from the events alone, one after the other.

Slow and simple on purpose: an independent computation of what `combined_levels.sql` computes. It
does not read the counters, the monthly rows or the counts in the events.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import groupby
from typing import NamedTuple

from django.db import connection

from core.metrics import Metric
from core.months import Month
from core.schema import require_provider_schema
from usage.ledger.combined_peak import CombinedPeak, OrganizationCount

EVENTS = """
    SELECT e.real_at, date_trunc('month', e.real_at AT TIME ZONE p.billing_time_zone)::date,
           (SELECT counted_from FROM usage_month_counted_from WHERE month = %(month)s),
           e.organization_id, o.name, e.metric, e.delta, e.id, s.name, e.actor_name
    FROM (SELECT *, coalesce(effective_at, at) AS real_at FROM usage_usageevent) e
    JOIN usage_subject s ON s.metric = e.metric AND s.id = e.subject_id
    JOIN tenants_organization o ON o.id = e.organization_id
    JOIN tenants_meteringpolicy p ON p.id = 1
    WHERE e.metric = ANY (%(metrics)s) AND e.id <= coalesce(%(through)s, e.id)
    ORDER BY e.real_at, e.id
"""


@dataclass(slots=True)
class CombinedCounts:
    """The counts of organizations by metric, and their total; of each its largest metric counts."""

    counts: dict[int, dict[Metric, int]] = field(default_factory=lambda: defaultdict(dict))
    total: int = 0

    @classmethod
    def of(cls, counts: Mapping[tuple[int, Metric], int]) -> "CombinedCounts":
        """Begin with these counts by organization and metric."""
        combined = cls()
        for (organization_id, metric), count in counts.items():
            combined.change(organization_id, metric, count)
        return combined

    def change(self, organization_id: int, metric: Metric, delta: int) -> None:
        """Add to the count of an organization, and to the total as far as its largest count."""
        before = self.level(organization_id)
        metrics = self.counts[organization_id]
        metrics[metric] = metrics.get(metric, 0) + delta
        self.total += self.level(organization_id) - before

    def level(self, organization_id: int) -> int:
        """The organization's largest count."""
        return max(self.counts[organization_id].values(), default=0)

    def largest(self, organization_id: int) -> Metric:
        """The metric with the organization's largest count; users of equal ones."""
        metrics = self.counts[organization_id]
        return max(metrics, key=lambda metric: (metrics[metric], metric is Metric.USERS))


class Event(NamedTuple):
    """An event at its real instant, in the month (its first day) that the database assigns.

    `counted_from` is the instant from which the replayed month is counted, None for all of it.
    """

    at: datetime
    month: date
    counted_from: datetime | None
    organization_id: int
    organization_name: str
    metric: Metric
    delta: int
    event_id: int
    subject_name: str
    actor_name: str


def replay_combined(
    *, month: Month, metric: Metric, through_event: int | None = None
) -> CombinedPeak:
    """The replayed month of this metric, with the events up to `through_event` or all.

    Each event counts at its real instant, and all of one instant as one change.
    """
    require_provider_schema()
    with connection.cursor() as cursor:
        cursor.execute(
            EVENTS,
            {"metrics": list(metric.counted), "through": through_event, "month": month.first_day},
        )
        return _replayed(map(Event._make, cursor), month=month, metric=metric)


def _replayed(events: Iterable[Event], *, month: Month, metric: Metric) -> CombinedPeak:
    combined, names = CombinedCounts(), dict[int, str]()
    peak: CombinedPeak | None = None
    counted_from: datetime | None = None
    for _, group in groupby(events, key=lambda event: event.at):
        together = list(group)
        if together[0].month > month.first_day:
            break
        counted_from = together[0].counted_from
        is_in_month = together[0].month == month.first_day and (
            counted_from is None or together[0].at >= counted_from
        )
        if is_in_month and peak is None:
            peak = _carried_in(combined, names, month, metric, counted_from)
        before = {
            event.organization_id: combined.level(event.organization_id) for event in together
        }
        for event in together:
            names[event.organization_id] = event.organization_name
            combined.change(event.organization_id, Metric(event.metric), event.delta)
        if is_in_month and peak is not None and combined.total > peak.high_water_mark:
            made_by = _last_addition(together, before, combined)
            peak = replace(
                peak,
                high_water_mark=combined.total,
                peak_at=made_by.at,
                peak_event_id=made_by.event_id,
                organization_id=made_by.organization_id,
                subject_name=made_by.subject_name,
                actor_name=made_by.actor_name,
                counts=_counts(combined, names),
            )
    return peak or _carried_in(combined, names, month, metric, counted_from)


def _last_addition(
    together: Sequence[Event], before: Mapping[int, int], combined: CombinedCounts
) -> Event:
    """The last addition of those at an instant that raised the number of their organization."""
    return next(
        event
        for event in reversed(together)
        if event.delta > 0
        and combined.level(event.organization_id) > before[event.organization_id]
        and combined.largest(event.organization_id) == event.metric
    )


def _carried_in(
    combined: CombinedCounts,
    names: Mapping[int, str],
    month: Month,
    metric: Metric,
    counted_from: datetime | None,
) -> CombinedPeak:
    return CombinedPeak(
        month=month,
        metric=metric,
        high_water_mark=combined.total,
        carried_in=combined.total,
        peak_at=None,
        peak_event_id=None,
        organization_id=None,
        subject_name="",
        actor_name="",
        counted_from=counted_from,
        counts=_counts(combined, names),
    )


def _counts(combined: CombinedCounts, names: Mapping[int, str]) -> tuple[OrganizationCount, ...]:
    counted = [
        OrganizationCount(pk, name, combined.largest(pk), combined.level(pk))
        for pk, name in names.items()
        if combined.level(pk)
    ]
    counted.sort(key=lambda each: (each.name.casefold(), each.organization_id))
    return tuple(counted)
