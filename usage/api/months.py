"""Usage by month in the API: high-water marks with the peak and the second-highest peak."""

from datetime import datetime
from typing import Any

from ninja import Router, Schema

from accounts.api_access import ApiRequest
from core.metrics import COUNTED
from tenants.access import metered_organization_or_404
from tenants.api.fields import Page, Paging
from tenants.models import Organization
from usage.api.month_parameter import MonthText, requested_month
from usage.explain.peaks import LocalPeak, explain_month
from usage.ledger.month_peaks import MonthPeak, high_water_marks

router = Router(tags=["Usage"])


class AdditionOut(Schema):
    """The addition that made a peak: its subject, author and way, and the counts around it."""

    event_id: int
    at: datetime
    subject_id: int
    subject: str
    by: str
    via: str
    count_before: int
    count_after: int


class PeakOut(Schema):
    """A local peak; `addition` is null for the count carried in."""

    level: int
    at: datetime
    until: datetime | None
    times: int
    addition: AdditionOut | None


class WhyOut(Schema):
    """A month's number: the count carried in, the billed peak, and the second-highest peak."""

    high_water_mark: int
    carried_in: int
    peak: PeakOut
    second_peak: PeakOut | None


class MonthOut(Schema):
    """One organization's month; its bounds are half-open and follow the billing time zone."""

    organization_id: int
    month: str
    time_zone: str
    starts_at: datetime
    ends_at: datetime
    is_over: bool
    users: WhyOut
    devices: WhyOut


class MarkOut(Schema):
    """A high-water mark; `peak_at` is when it was first reached, null when it was carried in."""

    high_water_mark: int
    carried_in: int
    peak_at: datetime | None


class OrganizationMonthOut(Schema):
    """The high-water marks of one organization in the month."""

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
    """The high-water marks of users and devices, each with the addition that made it.

    Answers for a removed organization too, because its usage is billed.
    """
    organization = metered_organization_or_404(organization_id=organization_id)
    requested, zone, now = requested_month(request, month)
    response: dict[str, Any] = {
        "organization_id": organization.pk,
        "month": str(requested),
        "time_zone": zone.key,
        "starts_at": requested.starts_at(zone),
        "ends_at": requested.ends_at(zone),
        "is_over": requested.ends_at(zone) <= now,
    }
    for metric in COUNTED:
        explanation = explain_month(
            organization_id=organization.pk, metric=metric, month=requested, zone=zone
        )
        second = explanation.second_peak
        response[metric.value] = {
            "high_water_mark": explanation.high_water_mark,
            "carried_in": explanation.carried_in,
            "peak": _peak(explanation.peak),
            "second_peak": second and _peak(second),
        }
    return response


@router.get(
    "/usage/{month}", response=Page[OrganizationMonthOut], summary="All organizations of a month"
)
def month_of_all(request: ApiRequest, month: MonthText, paging: Paging) -> dict[str, Any]:
    """By organization id; includes removed organizations, whose usage is still billed."""
    requested, _, _ = requested_month(request, month)
    peaks: dict[int, dict[str, MonthPeak]] = {}
    for peak in high_water_marks(month=requested):
        peaks.setdefault(peak.organization_id, {})[peak.metric.value] = peak
    after = [pk for pk in peaks if pk > paging.after]
    ids = after[: paging.limit]
    organizations = Organization.objects.in_bulk(ids)
    items = [
        {
            "organization_id": pk,
            "name": organizations[pk].name,
            "is_removed": organizations[pk].removed_at is not None,
            **peaks[pk],
        }
        for pk in ids
    ]
    return {"items": items, "next": ids[-1] if len(after) > paging.limit else None}
