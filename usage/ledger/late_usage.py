"""Usage reported late: events of a month that was closed when they were reported.

The ledger records them later (`UsageEvent.at`) and stores their real instant (`effective_at`).
Closed months stay as they were billed; this module computes what they would have been
(docs/decisions/0016).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Case, OuterRef, QuerySet, Subquery, When
from django.db.models.expressions import RawSQL

from core.metrics import Metric
from core.months import Month
from core.schema import require_provider_schema
from tenants.models import Device, ManagedUser
from usage.models import FrozenMonth, UsageEvent
from usage.sql import statement

RESTATED_MONTHS = statement("restated_months")
LEDGER_STATE = """
    SELECT (SELECT max(id) FROM usage_usageevent),
           EXISTS (SELECT FROM usage_late_event),
           (SELECT max(id) FROM usage_lateactivity)
"""

LATE_EVENTS = "SELECT id FROM usage_late_event"


@dataclass(frozen=True, slots=True)
class LedgerState:
    """The ids of the last event and of the last late activity, None without one.

    `has_late_events` says whether a frozen month misses an event.
    """

    last_event_id: int | None
    has_late_events: bool
    last_late_activity_id: int | None

    @property
    def has_late(self) -> bool:
        """Whether anything was reported late."""
        return self.has_late_events or self.last_late_activity_id is not None


def ledger_state() -> LedgerState:
    """The current provider's state, in one statement; final while the ledger is locked."""
    require_provider_schema()
    with connection.cursor() as cursor:
        cursor.execute(LEDGER_STATE)
        return LedgerState(*cursor.fetchone())


@dataclass(frozen=True, slots=True)
class LateUsageEvent:
    """An addition (+1) or removal (-1) reported late: its real instant and the recorded one."""

    event_id: int
    organization_id: int
    organization_name: str
    metric: Metric
    delta: int
    effective_at: datetime
    counted_at: datetime
    subject_name: str
    actor_name: str

    def is_missing_in(self, month: Month, zone: ZoneInfo, *, through_event: int) -> bool:
        """Whether the frozen month did not include it: it happened until then, reported later.

        `through_event` is the last event that the month includes (`frozen_through`).
        """
        return Month.of(self.effective_at, zone) <= month and self.event_id > through_event


def frozen_through(month: Month) -> int | None:
    """The last event that a frozen month includes, 0 for none; None while the month is open."""
    frozen = FrozenMonth.objects.filter(month__gte=month.first_day).order_by("month").first()
    return None if frozen is None else frozen.last_event_id or 0


@dataclass(frozen=True, slots=True)
class RestatedMonth:
    """A month of one organization and metric with every event at its real instant.

    `peak_…` belong to the event that first reached the high-water mark; None and empty when it was
    carried in. The mark may be below the counted one, when a removal was reported late.
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
    """The current provider's late events, or those of one organization, by their real instant."""
    require_provider_schema()
    late = RawSQL(LATE_EVENTS, [])  # noqa: S611 # nosec B611 - a constant
    events = UsageEvent.objects.filter(pk__in=late)
    if organization_id is not None:
        events = events.filter(organization=organization_id)
    if metric is not None:
        events = events.filter(metric=metric.value)
    return [
        LateUsageEvent(
            event.pk,
            event.organization_id,
            event.organization.name,
            Metric(event.metric),
            event.delta,
            event.effective_at,
            event.at,
            name,
            event.actor_name,
        )
        for event, name in _named(events.order_by("effective_at", "pk"))
        if event.effective_at is not None
    ]


def _named(events: QuerySet[UsageEvent]) -> Iterator[tuple[UsageEvent, str]]:
    """The events with their organizations, and the name of each user or device."""
    user = ManagedUser.objects.filter(pk=OuterRef("subject_id")).values("email")
    device = Device.objects.filter(pk=OuterRef("subject_id")).values("name")
    name = Case(When(metric=Metric.USERS, then=Subquery(user)), default=Subquery(device))
    for event in events.select_related("organization").annotate(subject_name=name):
        yield event, event.subject_name


@dataclass(frozen=True, slots=True)
class MissingUsage:
    """Late events that a month did not include, and its high-water mark with them."""

    changes: tuple[LateUsageEvent, ...]
    high_water_mark: int


def missing_usage(
    *, organization_id: int, metric: Metric, month: Month, zone: ZoneInfo
) -> MissingUsage | None:
    """The late events that an organization's month did not include; None when there are none.

    One statement without late events, up to three otherwise.
    """
    events = late_usage_events(organization_id=organization_id, metric=metric)
    through = frozen_through(month) if events else None
    if through is None:
        return None
    changes = tuple(
        event for event in events if event.is_missing_in(month, zone, through_event=through)
    )
    if not changes:
        return None
    key = (organization_id, metric, month)
    return next(
        MissingUsage(changes, each.high_water_mark)
        for each in restated_months()
        if (each.organization_id, each.metric, each.month) == key
    )


def restated_months() -> list[RestatedMonth]:
    """Recompute each frozen month that misses an event, with all events at their real instants.

    One statement over the events of the affected organizations; ordered by month.
    """
    require_provider_schema()
    with connection.cursor() as cursor:
        cursor.execute(RESTATED_MONTHS)
        return [
            RestatedMonth(
                organization_id, organization_name, Metric(metric), Month.of_day(month), *values
            )
            for organization_id, organization_name, metric, month, *values in cursor.fetchall()
        ]
