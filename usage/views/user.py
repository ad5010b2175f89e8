"""One user with everything that happened to them, in either scope."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.requests import PortalRequest
from accounts.roles import Permission
from tenants.access import owned_or_404
from tenants.models import ManagedUser, UserAlias
from tenants.views.organization_scope import OrganizationScope, scoped
from usage.explain.user_history import active_in, history_of, rows_of_person


@require_safe
@scoped
def user_detail(request: PortalRequest, scope: OrganizationScope, user_id: int) -> HttpResponse:
    """The user's state, other addresses, history and active months."""
    user = owned_or_404(ManagedUser, organization=scope.organization, pk=user_id)
    rows = rows_of_person(user)
    context = scope.context(
        member=user,
        current=next((row for row in rows if row.removed_at is None), None),
        aliases=UserAlias.objects.filter(user=user, ended_at=None).order_by("pk"),
        history=history_of(rows),
        months=active_in(rows),
        list_url=scope.url("user_list"),
        may_move=not scope.is_own and scope.may_change,
        may_erase=not scope.is_own and request.user.may(Permission.ERASE_USERS),
        zone=request.provider.billing_zone(),
    )
    return render(request, "usage/user_detail.html", context)
