"""Explains the month of all organizations together: the addition that made the peak, and the rest.

The definitions are those of one organization (docs/decisions/0009), of the counts after each
instant: all events of one instant are one change (docs/decisions/0029).
"""

from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from core.metrics import Metric
from core.months import Month
from core.schema import require_provider_schema
from usage.explain.peaks import Explanation, Hour, LocalPeak, PeakEvent, two_highest
from usage.ledger.combined_peak import COMBINED_LEVELS, levels_parameters
from usage.models import CombinedMonth
from usage.sql import statement

EXPLAIN_COMBINED = COMBINED_LEVELS + statement("explain_combined")
_OPENING, _HOUR = 0, 1


def billed_metric(*, month: Month) -> Metric | None:
    """The metric that billed a closed month of all organizations together; None if none did."""
    found = CombinedMonth.objects.filter(month=month.first_day).values_list("metric", flat=True)
    return Metric(found[0]) if found else None


def explain_combined(*, metric: Metric, month: Month, zone: ZoneInfo) -> Explanation:
    """Explain the month's peak of all organizations together, in one statement.

    Of a closed month as it was billed; of the current month up to now. `zone` is the billing zone.
    """
    require_provider_schema()
    with connection.cursor() as cursor:
        cursor.execute(EXPLAIN_COMBINED, levels_parameters(month=month, metric=metric))
        opening, *rows = cursor.fetchall()
    counted_from, carried_in = opening[1:3]
    first_change, first_change_at = opening[5], opening[7]
    starts_at = counted_from or month.starts_at(zone)
    hours = tuple(Hour(*row[1:7]) for row in rows if row[0] == _HOUR)
    local_peaks = [_local_peak(row) for row in rows if row[0] > _HOUR]
    if first_change is None or first_change < 0:
        local_peaks.insert(
            0, LocalPeak(carried_in, starts_at, first_change_at, event=None, together=0, times=1)
        )
    peak, second_peak = two_highest(local_peaks)
    return Explanation(
        organization_id=None,
        metric=metric,
        month=month,
        zone=zone,
        starts_at=starts_at,
        ends_at=month.ends_at(zone),
        is_counted_whole=counted_from is None,
        carried_in=carried_in,
        peak=peak,
        second_peak=second_peak,
        hours=hours,
    )


def _local_peak(row: tuple[Any, ...]) -> LocalPeak:
    _, at, level, *_, until, times, together = row[:10]
    event_id, subject_id, subject, actor_id, actor, via, organization_id, organization = row[10:]
    event = PeakEvent(
        event_id=event_id,
        at=at,
        subject_id=subject_id,
        subject_name=subject,
        actor_id=actor_id,
        actor_name=actor,
        via=via,
        count_before=level - 1,
        count_after=level,
        organization_id=organization_id,
        organization_name=organization,
    )
    return LocalPeak(level, at, until, event, together, times)
