"""The peak of a month of all organizations together: the most at any one instant.

A commitment is compared with it. It is computed from the events, each at its real instant; no
counter of all organizations exists, because every addition would wait for that one row. The events
of one instant count as one change (docs/decisions/0029).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.db import connection

from core.metrics import Metric
from core.months import Month
from core.schema import require_provider_schema
from usage.models import CombinedMonth
from usage.sql import statement

COMBINED_LEVELS = statement("combined_levels")
COMBINED_PEAK = COMBINED_LEVELS + statement("combined_peak")
# A month begins up to 14 hours before its first day in UTC. The database's time zone rules may
# differ from Python's, so events are read from earlier and the database assigns them to months.
BEFORE_ANY_ZONE = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class OrganizationCount:
    """One organization's count at an instant; `metric` is the one that was counted."""

    organization_id: int
    name: str
    metric: Metric
    count: int


@dataclass(frozen=True, slots=True)
class CombinedPeak:
    """All organizations' month of one metric together, and each one's count at the peak, by name.

    `peak_at` and `peak_event_id` are those of the addition that first reached the high-water mark,
    in `organization_id`; None when the month began with it. Of several additions at that instant it
    is the last one. Organizations without a count at the peak are left out. `counted_from` is the
    instant inside the month from which it is counted; None if it is counted whole.
    """

    month: Month
    metric: Metric
    high_water_mark: int
    carried_in: int
    peak_at: datetime | None
    peak_event_id: int | None
    organization_id: int | None
    subject_name: str
    actor_name: str
    counted_from: datetime | None
    counts: tuple[OrganizationCount, ...]


def combined_peak(
    *,
    month: Month,
    metric: Metric,
    through_event: int | None = None,
    with_late_usage: bool = False,
) -> CombinedPeak:
    """The month's peak of all organizations together, in one statement; so far if it is running.

    Of a frozen month, the peak as billed: without what was reported after its freeze.
    `with_late_usage`, everything is counted, or everything up to `through_event`. Removed
    organizations count while they had users. Raises `ValueError` for active users.
    """
    require_provider_schema()
    with connection.cursor() as cursor:
        cursor.execute(
            COMBINED_PEAK,
            levels_parameters(
                month=month,
                metric=metric,
                through_event=through_event,
                as_billed=not with_late_usage,
            ),
        )
        rows = cursor.fetchall()
    (peak,) = (row for row in rows if row[0] is None)
    counts = [
        OrganizationCount(organization_id, name, Metric(counted), count)
        for organization_id, name, counted, count, *_ in rows
        if organization_id is not None
    ]
    counts.sort(key=lambda each: (each.name.casefold(), each.organization_id))
    highest, carried_in, peak_at, event_id, organization_id, subject, actor, counted_from = peak[3:]
    return CombinedPeak(
        month=month,
        metric=metric,
        high_water_mark=highest,
        carried_in=carried_in,
        peak_at=peak_at,
        peak_event_id=event_id,
        organization_id=organization_id,
        subject_name=subject,
        actor_name=actor,
        counted_from=counted_from,
        counts=tuple(counts),
    )


def levels_parameters(
    *, month: Month, metric: Metric, through_event: int | None = None, as_billed: bool = True
) -> dict[str, Any]:
    """The parameters of `combined_levels.sql`."""
    if not metric.counted:
        raise ValueError("Active users are not a level: their number only grows in a month.")
    return {
        "first_day": month.first_day,
        "next_first_day": month.next.first_day,
        "earliest": datetime.combine(month.first_day, time(), UTC) - BEFORE_ANY_ZONE,
        "metrics": list(metric.counted),
        "through": through_event,
        "as_billed": as_billed,
    }


def freeze_combined_peak(peak: CombinedPeak) -> None:
    """Store the peak that bills a month; the month is frozen."""
    CombinedMonth.objects.create(
        month=peak.month.first_day,
        metric=peak.metric.value,
        carried_in=peak.carried_in,
        high_water_mark=peak.high_water_mark,
        peak_at=peak.peak_at,
        peak_event_id=peak.peak_event_id,
    )
