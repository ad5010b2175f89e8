"""The address and name of a user, who stays the same person, in either scope."""

from http import HTTPStatus

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.requests import PortalRequest
from core.actors import actor_of
from tenants.access import owned_or_404
from tenants.forms import UserForm
from tenants.models import ManagedUser
from tenants.users.changes import change_user, end_alias
from tenants.users.membership import AlreadyThere
from tenants.views.organization_scope import OrganizationScope, scoped


def _living_or_404(scope: OrganizationScope, user_id: int) -> ManagedUser:
    user = owned_or_404(ManagedUser, organization=scope.organization, pk=user_id)
    if user.removed_at is not None:
        raise Http404
    return user


@require_http_methods(["GET", "HEAD", "POST"])
@scoped
def user_edit(request: PortalRequest, scope: OrganizationScope, user_id: int) -> HttpResponse:
    """Change the address or the name; the earlier address still finds the user."""
    user = _living_or_404(scope, user_id)
    form = UserForm(request.POST or None, initial={"email": user.email, "name": user.name})
    status = HTTPStatus.OK
    if request.method == "POST":
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        if form.is_valid() and _is_changed(request, user, form):
            messages.success(request, f"{user} was changed, and counts as before.")
            return redirect(scope.url("user_list"))
    context = scope.context(
        form=form,
        member=user,
        aliases=user.aliases.filter(ended_at=None).order_by("pk"),
        back_url=scope.url("user_list"),
    )
    return render(request, "tenants/user_edit.html", context, status=status)


def _is_changed(request: PortalRequest, user: ManagedUser, form: UserForm) -> bool:
    """Whether the change was made; the form says why not."""
    try:
        change_user(user=user, **form.cleaned_data, actor=actor_of(request), now=timezone.now())
    except AlreadyThere:
        form.refuse_duplicate()
        return False
    return True


@require_POST
@scoped
def alias_end(
    request: PortalRequest, scope: OrganizationScope, user_id: int, alias_id: int
) -> HttpResponse:
    """Let another person have an earlier address of the user, or an id."""
    user = _living_or_404(scope, user_id)
    alias = user.aliases.filter(pk=alias_id).first()
    if alias is None:
        raise Http404
    alias.user = user
    end_alias(alias=alias, actor=actor_of(request), now=timezone.now())
    messages.success(request, f"{alias.text} no longer belongs to {user}.")
    return redirect(scope.url("user_edit", user_id=user.pk))
