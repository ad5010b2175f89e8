"""An organization's own first page: what it uses, and what it may."""

from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from tenants.models import MeteringPolicy
from tenants.views.places import Place
from usage.badges import badge
from usage.levels import organizations_with_usage
from usage.periods import Month


@requires(Permission.USE_OWN_ORGANIZATION, Permission.ENTER_ORGANIZATION)
@require_safe
def own_organization(request: PortalRequest) -> HttpResponse:
    """Users, devices, this month's high-water mark and the cap of the own organization."""
    place = Place.of_own(request)
    month = Month.of(timezone.now(), ZoneInfo(request.provider.billing_time_zone))
    usage = organizations_with_usage(month=month).get(pk=place.organization.pk)
    free_user_limit = MeteringPolicy.objects.values_list("free_user_limit", flat=True).get()
    limits = [limit for limit in (usage.user_cap, free_user_limit) if limit is not None]
    context = {
        "place": place,
        "organization": place.organization,
        "usage": usage,
        "limit": min(limits, default=None),
        "badge": badge(users=usage.users, cap=usage.user_cap, free_user_limit=free_user_limit),
        "month": month.first_day,
        "zone": request.provider.billing_time_zone,
    }
    return render(request, "usage/own_organization.html", context)
