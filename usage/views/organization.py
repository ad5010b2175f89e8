"""An organization's first page, as its provider and as the organization itself see it."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.months import Month
from tenants.access import organization_or_404
from tenants.models import MeteringPolicy
from tenants.views.organization_scope import OrganizationScope, own_pages
from usage.cap_badges import badge
from usage.ledger.month_peaks import organizations_with_usage
from usage.ledger.user_months import user_months


def _context(request: PortalRequest, scope: OrganizationScope) -> dict[str, Any]:
    zone = request.provider.billing_zone()
    month = Month.of(timezone.now(), zone)
    usage = organizations_with_usage(month=month).get(pk=scope.organization.pk)
    free_user_limit = MeteringPolicy.objects.current().free_user_limit
    limits = [limit for limit in (usage.user_cap, free_user_limit) if limit is not None]
    return {
        "scope": scope,
        "organization": scope.organization,
        "usage": usage,
        "limit": min(limits, default=None),
        "free_user_limit": free_user_limit,
        "badge": badge(users=usage.users, cap=usage.user_cap, free_user_limit=free_user_limit),
        "months": user_months(organization=scope.organization, month=month, zone=zone),
        "zone": request.provider.billing_zone(),
    }


@requires(Permission.VIEW_ORGANIZATIONS)
@require_safe
def organization_detail(request: PortalRequest, organization_id: int) -> HttpResponse:
    """One organization: its figures, its past months and the ways into it."""
    organization = organization_or_404(organization_id=organization_id)
    context = _context(request, OrganizationScope.of_provider(request, organization)) | {
        "may_change": request.user.may(Permission.CHANGE_ORGANIZATIONS),
        "may_enter": request.user.may(Permission.IMPERSONATE),
        "may_manage_admins": request.user.may(Permission.MANAGE_ORGANIZATION_ADMINS),
        "may_cap": request.user.may(Permission.CHANGE_CAPS),
    }
    return render(request, "usage/organization_detail.html", context)


@own_pages
@require_safe
def own_organization(request: PortalRequest) -> HttpResponse:
    """Users, devices, this month's high-water mark and the cap of the own organization."""
    context = _context(request, OrganizationScope.of_own(request)) | {"may_cap": False}
    return render(request, "usage/own_organization.html", context)
