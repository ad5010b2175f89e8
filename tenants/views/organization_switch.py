"""The switcher in the brand block: a list of organizations by a part of their name."""

from django.db.models import QuerySet, TextField
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.given import Given
from core.listing import LONGEST_SEARCH
from core.names import name_key
from core.remembered import remembered
from tenants.access import IMPERSONATED_ORGANIZATION_KEY
from tenants.models import Organization

MOST_SHOWN = 20


@remembered
def _named(*, is_searched: bool) -> QuerySet[Organization, tuple[int, str]]:
    rows = Organization.objects.visible()
    if is_searched:
        rows = rows.filter(name_key__contains=Given("search", TextField()))
    return rows.order_by("name_key", "pk").values_list("pk", "name")[: MOST_SHOWN + 1]


@requires(Permission.VIEW_ORGANIZATIONS)
@require_safe
def organization_switch(request: PortalRequest) -> HttpResponse:
    """Organizations that the person may see, the first ones by name; for htmx only the list.

    A link opens the organization. Who is logged in to one gets buttons that log in to another.
    """
    search = request.GET.get("organization", "").replace("\x00", "").strip()[:LONGEST_SEARCH]
    key = name_key(search)
    found = _named(is_searched=bool(key)).rows(search=key)
    may_enter = request.user.may(Permission.IMPERSONATE)
    context = {
        "search": search,
        "found": found[:MOST_SHOWN],
        "has_more": len(found) > MOST_SHOWN,
        "is_impersonating": may_enter and IMPERSONATED_ORGANIZATION_KEY in request.session,
    }
    partial = request.htmx.target == "switch-found"
    template = (
        "tenants/_organization_switch.html" if partial else "tenants/organization_switch.html"
    )
    return render(request, template, context)
