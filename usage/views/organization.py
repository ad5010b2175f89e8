"""The first page of an organization, on the provider's pages and on the organization's own."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

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
    """Users, devices, high-water marks and the cap of one organization."""
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
        months=user_months(organization=scope.organization, month=month, zone=zone),
        zone=zone,
    )
    if scope.is_own:
        return render(request, "usage/own_organization.html", context | {"may_cap": False})
    context |= {
        "may_change": request.user.may(Permission.CHANGE_ORGANIZATIONS),
        "may_enter": request.user.may(Permission.IMPERSONATE),
        "may_manage_admins": request.user.may(Permission.MANAGE_ORGANIZATION_ADMINS),
        "may_cap": request.user.may(Permission.CHANGE_CAPS),
    }
    return render(request, "usage/organization_detail.html", context)
