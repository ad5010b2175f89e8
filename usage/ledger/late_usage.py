"""What was told late: additions and removals of a month that the log could not take any more.

The log places them in a later month (`UsageEvent.at`) and keeps what was claimed (`effective_at`).
Closed months stay as they were billed; here is what they would have been (docs/decisions/0016).
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import connection

from core.metrics import Metric
from core.months import Month
from core.schema import require_provider_schema
from usage.models import UsageEvent
from usage.sql import statement

RESTATED_MONTHS = statement("restated_months")


LOG_STATE = """
    SELECT (SELECT max(id) FROM usage_usageevent),
           EXISTS (SELECT FROM usage_usageevent WHERE effective_at IS NOT NULL)
               OR EXISTS (SELECT FROM usage_lateactivity)
"""


@dataclass(frozen=True, slots=True)
class LogState:
    """How far the log goes, None while it is empty, and whether anything was ever told late."""

    last_event_id: int | None
    has_late: bool


def log_state() -> LogState:
    """The current provider's, in one statement; final while the books are locked."""
    require_provider_schema()
    with connection.cursor() as cursor:
        cursor.execute(LOG_STATE)
        return LogState(*cursor.fetchone())


@dataclass(frozen=True, slots=True)
class LateUsageEvent:
    """One addition (+1) or removal (-1) told late: when it really was, and where it is counted."""

    event_id: int
    organization_id: int
    organization_name: str
    metric: Metric
    delta: int
    effective_at: datetime
    counted_at: datetime
    subject_name: str
    actor_name: str

    def concerns(self, month: Month, zone: ZoneInfo) -> bool:
        """Whether the month lacked it: from the one it belongs to until it was counted."""
        return Month.of(self.effective_at, zone) <= month < Month.of(self.counted_at, zone)


@dataclass(frozen=True, slots=True)
class RestatedMonth:
    """A month of one organization and metric with everything at its real instant.

    `peak_…` say when and by whom the mark was first reached; None and empty when the month began
    at it. It may lie below the mark that was counted: a removal was told late.
    """

    organization_id: int
    organization_name: str
    metric: Metric
    month: Month
    high_water_mark: int
    peak_event_id: int | None
    peak_at: datetime | None
    peak_subject_name: str
    peak_actor_name: str


def late_usage_events(
    *, organization_id: int | None = None, metric: Metric | None = None
) -> list[LateUsageEvent]:
    """All there are in the current provider's log, or of one organization, as they really came."""
    require_provider_schema()
    events = UsageEvent.objects.filter(effective_at__isnull=False)
    if organization_id is not None:
        events = events.filter(organization=organization_id)
    if metric is not None:
        events = events.filter(metric=metric.value)
    found = events.order_by("effective_at", "pk").values_list(
        "pk",
        "organization_id",
        "organization__name",
        "metric",
        "delta",
        "effective_at",
        "at",
        "subject_name",
        "actor_name",
    )
    return [
        LateUsageEvent(pk, organization, name, Metric(of), delta, effective_at, at, subject, actor)
        for pk, organization, name, of, delta, effective_at, at, subject, actor in found
        if effective_at is not None
    ]


@dataclass(frozen=True, slots=True)
class MissingUsage:
    """What a month of one organization lacked, and the mark it would have had with it."""

    changes: tuple[LateUsageEvent, ...]
    high_water_mark: int


def missing_usage(
    *, organization_id: int, metric: Metric, month: Month, zone: ZoneInfo
) -> MissingUsage | None:
    """What was told late of an organization's month; None where nothing was, in one statement."""
    told = [
        change
        for change in late_usage_events(organization_id=organization_id, metric=metric)
        if change.concerns(month, zone)
    ]
    if not told:
        return None
    marks = {
        (each.organization_id, each.metric, each.month): each.high_water_mark
        for each in restated_months()
    }
    return MissingUsage(tuple(told), marks[organization_id, metric, month])


def restated_months() -> list[RestatedMonth]:
    """Each month that lacked something told late, open or closed, as it would have been.

    In one statement over the logs of the organizations concerned; by month.
    """
    require_provider_schema()
    with connection.cursor() as cursor:
        cursor.execute(RESTATED_MONTHS)
        return [_corrected(*row) for row in cursor.fetchall()]


def _corrected(  # noqa: PLR0917 - the statement's columns
    organization_id: int,
    name: str,
    metric: str,
    month: datetime,
    carried_in: int,
    highest: int | None,
    event_id: int | None,
    at: datetime | None,
    subject_name: str | None,
    actor_name: str | None,
) -> RestatedMonth:
    was_passed = highest is not None and highest > carried_in
    return RestatedMonth(
        organization_id=organization_id,
        organization_name=name,
        metric=Metric(metric),
        month=Month.of_day(month),
        high_water_mark=highest if highest is not None and was_passed else carried_in,
        peak_event_id=event_id if was_passed else None,
        peak_at=at if was_passed else None,
        peak_subject_name=(subject_name or "") if was_passed else "",
        peak_actor_name=(actor_name or "") if was_passed else "",
    )
