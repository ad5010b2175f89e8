"""Why a month's number is what it is: the event that made the peak."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from usage.models import Metric, MonthlyUsage, UsageEvent
from usage.periods import Month


@dataclass(frozen=True, slots=True)
class PeakEvent:
    """Who was added when the mark was first reached, by whom, and the counts around it."""

    event_id: int
    at: datetime
    subject_id: int
    subject_name: str
    actor_id: int | None
    actor_name: str
    via: str
    count_before: int
    count_after: int


@dataclass(frozen=True, slots=True)
class Peak:
    """An organization's high-water mark of a month; `event` is None when it was carried in."""

    organization_id: int
    metric: Metric
    carried_in: int
    high_water_mark: int
    event: PeakEvent | None


def peaks(
    *, month: Month, metric: Metric, organization_ids: Iterable[int] | None = None
) -> dict[int, Peak]:
    """The peaks of a month by organization, in one statement.

    Only organizations with a row: every one there was, once the month is closed; before, those
    that changed in it.
    """
    rows = MonthlyUsage.objects.filter(month=month.first_day, metric=metric.value)
    if organization_ids is not None:
        rows = rows.filter(organization_id__in=organization_ids)
    return {row.organization_id: _peak(row) for row in rows.select_related("peak_event")}


def _peak(row: MonthlyUsage) -> Peak:
    return Peak(
        organization_id=row.organization_id,
        metric=Metric(row.metric),
        carried_in=row.carried_in,
        high_water_mark=row.high_water_mark,
        event=None if row.peak_event is None else _peak_event(row.peak_event),
    )


def _peak_event(event: UsageEvent) -> PeakEvent:
    return PeakEvent(
        event_id=event.pk,
        at=event.at,
        subject_id=event.subject_id,
        subject_name=event.subject_name,
        actor_id=event.actor_id,
        actor_name=event.actor_name,
        via=event.via,
        count_before=event.count_after - event.delta,
        count_after=event.count_after,
    )
