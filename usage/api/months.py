"""What organizations used in a month, and why: the peak, who made it, and the runner-up."""

from datetime import datetime
from typing import Any

from ninja import Router, Schema

from accounts.api_access import ApiRequest
from core.metrics import COUNTED
from tenants.access import organization_or_404
from tenants.api.fields import Page, PageQuery, Paging
from tenants.models import Organization
from usage.api.month_parameter import MonthText, asked_month
from usage.explain.peaks import LocalPeak, explain_month
from usage.ledger.month_peaks import MonthPeak, high_water_marks

router = Router(tags=["Usage"])


class AdditionOut(Schema):
    """The addition that made a peak: who or what was added, by whom and how, and the counts."""

    event_id: int
    at: datetime
    subject_id: int
    subject: str
    by: str
    via: str
    count_before: int
    count_after: int


class PeakOut(Schema):
    """A level the count rose to; `addition` is null for the level the month began with."""

    level: int
    at: datetime
    until: datetime | None
    times: int
    addition: AdditionOut | None


class WhyOut(Schema):
    """A month's number: the level carried in, the peak that is billed, and the runner-up."""

    high_water_mark: int
    carried_in: int
    peak: PeakOut
    second_peak: PeakOut | None


class MonthOut(Schema):
    """One organization's month; its bounds are half-open, in the billing time zone."""

    organization_id: int
    month: str
    time_zone: str
    starts_at: datetime
    ends_at: datetime
    is_over: bool
    users: WhyOut
    devices: WhyOut


class MarkOut(Schema):
    """A high-water mark and when it was first reached; null when it was carried in."""

    high_water_mark: int
    carried_in: int
    peak_at: datetime | None


class OrganizationMonthOut(Schema):
    """What one organization had in the month."""

    organization_id: int
    name: str
    is_removed: bool
    users: MarkOut
    devices: MarkOut


def _peak(local_peak: LocalPeak) -> dict[str, Any]:
    event = local_peak.event
    addition = event and {
        "event_id": event.event_id,
        "at": event.at,
        "subject_id": event.subject_id,
        "subject": event.subject_name,
        "by": event.actor_name,
        "via": event.via,
        "count_before": event.count_before,
        "count_after": event.count_after,
    }
    return {
        "level": local_peak.level,
        "at": local_peak.at,
        "until": local_peak.until,
        "times": local_peak.times,
        "addition": addition,
    }


@router.get(
    "/organizations/{organization_id}/usage/{month}",
    response=MonthOut,
    summary="One organization's month, and why",
)
def month_of_organization(
    request: ApiRequest, organization_id: int, month: MonthText
) -> dict[str, Any]:
    """The high-water marks of users and devices, each with the addition that made it."""
    organization = organization_or_404(organization_id=organization_id)
    asked, zone, now = asked_month(request, month)
    answer: dict[str, Any] = {
        "organization_id": organization.pk,
        "month": str(asked),
        "time_zone": zone.key,
        "starts_at": asked.starts_at(zone),
        "ends_at": asked.ends_at(zone),
        "is_over": asked.ends_at(zone) <= now,
    }
    for metric in COUNTED:
        why = explain_month(organization_id=organization.pk, metric=metric, month=asked, zone=zone)
        answer[metric.value] = {
            "high_water_mark": why.high_water_mark,
            "carried_in": why.carried_in,
            "peak": _peak(why.peak),
            "second_peak": why.second_peak and _peak(why.second_peak),
        }
    return answer


@router.get(
    "/usage/{month}", response=Page[OrganizationMonthOut], summary="All organizations of a month"
)
def month_of_all(request: ApiRequest, month: MonthText, paging: Paging) -> dict[str, Any]:
    """High-water marks in order of organization id; removed ones too, they are still billed."""
    asked, _, _ = asked_month(request, month)
    marks: dict[int, dict[str, MonthPeak]] = {}
    for level in high_water_marks(month=asked):
        marks.setdefault(level.organization_id, {})[level.metric.value] = level
    return _page(marks, paging)


def _page(marks: dict[int, dict[str, MonthPeak]], paging: PageQuery) -> dict[str, Any]:
    behind = [pk for pk in marks if pk > paging.after]
    ids = behind[: paging.limit]
    organizations = Organization.objects.in_bulk(ids)
    items = [
        {
            "organization_id": pk,
            "name": organizations[pk].name,
            "is_removed": organizations[pk].removed_at is not None,
            **marks[pk],
        }
        for pk in ids
    ]
    return {"items": items, "next": ids[-1] if len(behind) > paging.limit else None}
