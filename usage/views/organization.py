"""The overview and the usage of an organization; the overview is also the organization's own."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.months import Month
from tenants.models import MeteringPolicy
from tenants.views.organization_scope import OrganizationScope, scoped
from usage.cap_badges import badge
from usage.ledger.month_peaks import organizations_with_usage
from usage.ledger.user_months import user_months
from usage.timeline.events import Source, Timeline, Until
from usage.timeline.sources import alerts, changes, peaks

SourceOf = Callable[[OrganizationScope], Source]


@require_safe
@scoped
def organization_detail(
    request: PortalRequest, scope: OrganizationScope, invoices: SourceOf | None = None
) -> HttpResponse:
    """One organization's users, devices, peak and cap, and its timeline; for htmx only that."""
    zone, now = request.provider.billing_zone(), timezone.now()
    timeline = _timeline(request, scope, invoices, now=now)
    if request.htmx.target == "timeline":
        return render(request, "usage/_timeline.html", scope.context(**timeline, zone=zone))
    month = Month.of(now, zone)
    usage = organizations_with_usage(month=month).get(pk=scope.organization.pk)
    free_user_limit = MeteringPolicy.objects.free_user_limit_at(now)
    limits = [limit for limit in (usage.user_cap, free_user_limit) if limit is not None]
    context = scope.context(
        usage=usage,
        limit=min(limits, default=None),
        free_user_limit=free_user_limit,
        badge=badge(users=usage.users, cap=usage.user_cap, free_user_limit=free_user_limit),
        month=month.first_day,
        zone=zone,
        **timeline,
    )
    if scope.is_own:
        months = user_months(organization=scope.organization, month=month, zone=zone)
        context |= {"may_cap": False, "months": months}
        return render(request, "usage/own_organization.html", context)
    context |= {
        "may_enter": request.user.may(Permission.IMPERSONATE),
        "may_cap": request.user.may(Permission.CHANGE_CAPS),
    }
    return render(request, "usage/organization_detail.html", context)


def _timeline(
    request: PortalRequest, scope: OrganizationScope, invoices: SourceOf | None, *, now: datetime
) -> dict[str, Any]:
    """The requested page of the timeline, with what the person's role includes."""
    sees_money = request.user.may(Permission.VIEW_BILLING) and not scope.is_own
    may_open = request.user.may(Permission.VIEW_ALERTS)
    sources = [
        changes(scope),
        peaks(scope),
        alerts(scope, sees_money=sees_money, may_open=may_open),
    ]
    if invoices is not None and sees_money:
        sources.append(invoices(scope))
    until = Until.parse(request.GET.get("until", ""), now=now)
    is_newest = "until" not in request.GET
    return {"timeline": Timeline.read(sources, until=until), "is_newest": is_newest}


@requires(Permission.VIEW_USAGE)
@require_safe
@scoped
def organization_usage(request: PortalRequest, scope: OrganizationScope) -> HttpResponse:
    """The high-water marks of the organization's last twelve months."""
    zone = request.provider.billing_zone()
    month = Month.of(timezone.now(), zone)
    months = user_months(organization=scope.organization, month=month, zone=zone)
    context = scope.context(months=months, zone=zone)
    return render(request, "usage/organization_usage.html", context)
