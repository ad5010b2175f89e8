"""The overview and the usage of an organization; the overview is also the organization's own."""

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


@require_safe
@scoped
def organization_detail(request: PortalRequest, scope: OrganizationScope) -> HttpResponse:
    """Users, devices, this month's high-water mark and the cap of one organization."""
    zone, now = request.provider.billing_zone(), timezone.now()
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
