"""High-water marks, counts carried in and current counts of all organizations, as sets.

The rule for months without a row: they had no event, so their count is the one that the next month
with a row carried in, or the current count when there is none (docs/decisions/0004).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict, cast

from django.db import connection
from django.db.models import F, FilteredRelation, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from core.metrics import COUNTED, Metric
from core.months import Month
from core.schema import require_provider_schema
from tenants.models import Organization, OrganizationQuerySet
from usage.models import MonthlyUsage, OrganizationCounter

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class Usage(TypedDict):
        """The annotations of `organizations_with_usage`."""

        users: int
        devices: int
        last_month_hwm: int
        this_month_hwm: int
        last_month_devices_hwm: int
        this_month_devices_hwm: int

    OrganizationWithUsage = WithAnnotations[Organization, Usage]

MONTH_PEAKS = """
    SELECT c.organization_id, c.metric,
           coalesce(m.carried_in, later.carried_in, c.count),
           coalesce(m.high_water_mark, later.carried_in, c.count),
           m.peak_at, m.peak_event_id
    FROM usage_organizationcounter c
    LEFT JOIN usage_monthlyusage m
        ON m.organization_id = c.organization_id AND m.metric = c.metric AND m.month = %(month)s
    LEFT JOIN LATERAL (
        SELECT l.carried_in FROM usage_monthlyusage l
        WHERE m.id IS NULL AND l.organization_id = c.organization_id AND l.metric = c.metric
            AND l.month > %(month)s
        ORDER BY l.month LIMIT 1
    ) later ON true
    WHERE c.metric = ANY (%(metrics)s)
    ORDER BY c.organization_id, c.metric
"""


@dataclass(frozen=True, slots=True)
class MonthPeak:
    """One organization's month of one metric.

    `peak_at` and `peak_event_id` are those of the event that first reached the high-water mark;
    None when it was carried in.
    """

    organization_id: int
    metric: Metric
    carried_in: int
    high_water_mark: int
    peak_at: datetime | None
    peak_event_id: int | None


def high_water_marks(*, month: Month, metrics: Sequence[Metric] = COUNTED) -> list[MonthPeak]:
    """Every organization's month for these counted metrics, in one statement.

    Organizations are ordered by id and include removed ones, whose usage is still billed. A month
    before an organization existed is 0; the current month has the values so far.
    """
    require_provider_schema()
    with connection.cursor() as cursor:
        cursor.execute(MONTH_PEAKS, {"month": month.first_day, "metrics": list(metrics)})
        return [
            MonthPeak(organization_id, Metric(metric), *values)
            for organization_id, metric, *values in cursor.fetchall()
        ]


def carried_in_of(*, organization_id: int, metric: Metric, month: Month) -> int:
    """An organization's count at the start of the month, in one statement; 0 before it existed."""
    rows = MonthlyUsage.objects.filter(
        organization=OuterRef("organization"), metric=metric.value, month__gte=month.first_day
    ).order_by("month")
    counters = OrganizationCounter.objects.annotate(
        carried_in=Coalesce(Subquery(rows.values("carried_in")[:1]), F("count"))
    ).values_list("carried_in", flat=True)
    carried_in: int = counters.get(organization=organization_id, metric=metric.value)
    return carried_in


def organizations_with_usage(
    *, month: Month, among: OrganizationQuerySet | None = None
) -> "QuerySet[OrganizationWithUsage]":
    """The current organizations that the user may see, or those `among`, with their usage.

    `users` and `devices` are the current counts; `this_month_hwm` and `last_month_hwm` the
    high-water marks of users in `month` and the month before, `this_month_devices_hwm` and
    `last_month_devices_hwm` those of devices. Filters and ordering can use all of them.
    """
    rows = Organization.objects.visible() if among is None else among
    organizations = rows.alias(
        users_counter=_counter(Metric.USERS),
        devices_counter=_counter(Metric.DEVICES),
        users_this_month=_month(Metric.USERS, month),
        users_last_month=_month(Metric.USERS, month.previous),
        devices_this_month=_month(Metric.DEVICES, month),
        devices_last_month=_month(Metric.DEVICES, month.previous),
    )
    annotated = organizations.annotate(
        users=F("users_counter__count"),
        devices=F("devices_counter__count"),
        last_month_hwm=_high_water_mark("users_last_month", Metric.USERS, month.previous),
        this_month_hwm=_high_water_mark("users_this_month", Metric.USERS, month),
        last_month_devices_hwm=_high_water_mark(
            "devices_last_month", Metric.DEVICES, month.previous
        ),
        this_month_devices_hwm=_high_water_mark("devices_this_month", Metric.DEVICES, month),
    )
    return cast("QuerySet[OrganizationWithUsage]", annotated)


def _counter(metric: Metric) -> FilteredRelation:
    return FilteredRelation(
        "organizationcounter", condition=Q(organizationcounter__metric=metric.value)
    )


def _month(metric: Metric, month: Month) -> FilteredRelation:
    return FilteredRelation(
        "monthlyusage",
        condition=Q(monthlyusage__metric=metric.value, monthlyusage__month=month.first_day),
    )


def _high_water_mark(relation: str, metric: Metric, month: Month) -> Coalesce:
    later = MonthlyUsage.objects.filter(
        organization=OuterRef("pk"), metric=metric.value, month__gt=month.first_day
    ).order_by("month")
    return Coalesce(
        F(f"{relation}__high_water_mark"),
        Subquery(later.values("carried_in")[:1]),
        F(f"{metric.value}_counter__count"),
    )
