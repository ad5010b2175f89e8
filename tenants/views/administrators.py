"""The provider's administrators and their invitations."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import Case, QuerySet, Value, When
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import ApiKey, Invitation, User
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import PROVIDER_ROLES, Permission, Role
from accounts.security.sessions import keep_session
from tenants.models import BulkAction
from tenants.people import administrators, invitations
from tenants.people.forms import AdministratorForm, InviteAdministratorForm
from tenants.people.rules import ChangeRefused
from tenants.views.bulk import begin
from tenants.views.invitation_list import invitation_list

owners_only = requires(Permission.MANAGE_ADMINISTRATORS)
IN_ORDER_OF_ROLES = Case(
    *(When(role=role, then=Value(position)) for position, role in enumerate(PROVIDER_ROLES))
)


def _people(request: PortalRequest) -> QuerySet[User]:
    return User.objects.filter(provider=request.provider, role__in=PROVIDER_ROLES)


def _person_or_404(request: PortalRequest, administrator_id: int) -> User:
    person = _people(request).select_related("provider").filter(pk=administrator_id).first()
    if person is None:
        raise Http404
    return person


def _invitation_or_404(request: PortalRequest, invitation_id: int) -> Invitation:
    """An open invitation of the provider that the signed-in person may resend and revoke."""
    rows = Invitation.objects.open().select_related("provider").filter(provider=request.provider)
    if not request.user.may(Permission.MANAGE_ADMINISTRATORS):
        rows = rows.filter(role=Role.ORGANIZATION_ADMIN)
    if request.user.visible_organizations is not None:
        rows = rows.filter(organization_id__in=request.user.visible_organizations)
    invitation = rows.filter(pk=invitation_id).first()
    if invitation is None:
        raise Http404
    return invitation


@owners_only
@require_safe
def administrator_list(request: PortalRequest) -> HttpResponse:
    """The administrators and their invitations; with a filter, the removed administrators."""
    filter_name = "removed" if request.GET.get("filter") == "removed" else ""
    invited = _invited(request)
    context = {
        "filter": filter_name,
        "people": _people(request)
        .filter(is_active=not filter_name)
        .order_by(IN_ORDER_OF_ROLES, "name"),
        **invitation_list(request, invited, bulk_url=reverse("invitation_bulk")),
        "zone": request.provider.billing_zone(),
    }
    return render(request, "tenants/administrator_list.html", context)


def _invited(request: PortalRequest) -> QuerySet[Invitation]:
    return Invitation.objects.open().filter(provider=request.provider, role__in=PROVIDER_ROLES)


@owners_only
@require_POST
def invitation_bulk(request: PortalRequest) -> HttpResponse:
    """Begin an action on the selected invitations."""
    back_url = reverse("administrator_list")
    kind = BulkAction.Kind.INVITATIONS
    return begin(request, kind=kind, rows=_invited(request), back_url=back_url)


@owners_only
@require_http_methods(["GET", "HEAD", "POST"])
def administrator_invite(request: PortalRequest) -> HttpResponse:
    """Invite an administrator by mail, with a role and possibly a limit."""
    form = InviteAdministratorForm(request.POST or None, initial={"role": Role.ADMIN})
    if form.is_valid():
        invitee = invitations.Invitee(
            email=form.cleaned_data["email"],
            name=form.cleaned_data["name"],
            role=Role(form.cleaned_data["role"]),
            limited_to=form.limited_to,
        )
        try:
            sent = invitations.invite(
                provider=request.provider, invitee=invitee, by=request.user, now=timezone.now()
            )
        except ChangeRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"An invitation is on its way to {sent.email}.")
            return redirect("administrator_list")
    status = 422 if form.errors else 200
    return render(request, "tenants/administrator_invite.html", {"form": form}, status=status)


@owners_only
@require_http_methods(["GET", "HEAD", "POST"])
def administrator_edit(request: PortalRequest, administrator_id: int) -> HttpResponse:
    """Change the role or limit, from the person's next request on."""
    person = _person_or_404(request, administrator_id)
    form = AdministratorForm(request.POST) if request.POST else AdministratorForm.of(person)
    if form.is_bound and form.is_valid():
        try:
            administrators.change_administrator(
                administrator=person,
                role=Role(form.cleaned_data["role"]),
                limited_to=form.limited_to,
                may_extend=form.cleaned_data["may_extend"],
                by=request.user,
                now=timezone.now(),
            )
        except ChangeRefused as refusal:
            form.add_error("role", str(refusal))
        else:
            keep_session(request)
            messages.success(request, f"{person.name} was changed.")
            return redirect("home" if person.pk == request.user.pk else "administrator_list")
    context = {"form": form, "person": person, "is_self": person.pk == request.user.pk}
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "tenants/administrator_edit.html", context, status=status)


def _confirm(
    request: PortalRequest, person: User, act: Callable[[], None], template: str, confirmation: str
) -> HttpResponse:
    """Ask for confirmation; on POST act and redirect, or show the refusal."""
    context: dict[str, Any] = {
        "person": person,
        "is_self": person.pk == request.user.pk,
        "made_key": False,
        "refusal": "",
    }
    if request.method != "POST":
        context["made_key"] = ApiKey.objects.current().filter(
            provider=request.provider, created_by_id=person.pk
        )
        return render(request, template, context)
    try:
        act()
    except ChangeRefused as refusal:
        return render(request, template, context | {"refusal": str(refusal)}, status=409)
    messages.success(request, confirmation)
    return redirect("home" if person.pk == request.user.pk else "administrator_list")


@owners_only
@require_http_methods(["GET", "HEAD", "POST"])
def administrator_remove(request: PortalRequest, administrator_id: int) -> HttpResponse:
    """Ask, then end the login."""
    person = _person_or_404(request, administrator_id)

    def act() -> None:
        administrators.remove_administrator(
            administrator=person, by=request.user, now=timezone.now()
        )

    confirmation = f"{person.name} was removed."
    return _confirm(request, person, act, "tenants/administrator_remove.html", confirmation)


@owners_only
@require_http_methods(["GET", "HEAD", "POST"])
def ownership_transfer(request: PortalRequest, administrator_id: int) -> HttpResponse:
    """Ask, then make the person Owner and the present Owner Administrator with Billing."""
    person = _person_or_404(request, administrator_id)

    def act() -> None:
        administrators.transfer_ownership(successor=person, by=request.user, now=timezone.now())

    confirmation = f"{person.name} is now Owner; you are Administrator with Billing."
    response = _confirm(request, person, act, "tenants/ownership_transfer.html", confirmation)
    # The list is for Owners only, and the user is no longer one.
    is_done = response.status_code == 302  # noqa: PLR2004 - a redirect
    keep_session(request)
    return redirect("account_overview") if is_done else response


@owners_only
@require_POST
def administrator_reinstate(request: PortalRequest, administrator_id: int) -> HttpResponse:
    """Reinstate a removed login."""
    person = _person_or_404(request, administrator_id)
    try:
        administrators.reinstate_administrator(
            administrator=person, by=request.user, now=timezone.now()
        )
    except ChangeRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{person.name} may sign in again.")
    return redirect("administrator_list")


def _to_list(invitation: Invitation) -> HttpResponse:
    if invitation.organization_id is not None:
        return redirect("organization_admin_list", organization_id=invitation.organization_id)
    return redirect("administrator_list")


def _change_invitation(
    request: PortalRequest, invitation_id: int, act: Callable[..., None], confirmation: str
) -> HttpResponse:
    invitation = _invitation_or_404(request, invitation_id)
    try:
        act(invitation=invitation, by=request.user, now=timezone.now())
    except invitations.InvitationOver:
        messages.warning(request, "This invitation was accepted or revoked meanwhile.")
    except ChangeRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, confirmation.format(invitation.email))
    return _to_list(invitation)


@requires(Permission.MANAGE_ADMINISTRATORS, Permission.MANAGE_ORGANIZATION_ADMINS)
@require_POST
def invitation_resend(request: PortalRequest, invitation_id: int) -> HttpResponse:
    """Send a new link; the old one stops working."""
    confirmation = "A new link is on its way to {}. The old one no longer works."
    return _change_invitation(request, invitation_id, invitations.resend, confirmation)


@requires(Permission.MANAGE_ADMINISTRATORS, Permission.MANAGE_ORGANIZATION_ADMINS)
@require_POST
def invitation_revoke(request: PortalRequest, invitation_id: int) -> HttpResponse:
    """Revoke the invitation."""
    confirmation = "The invitation of {} is revoked."
    return _change_invitation(request, invitation_id, invitations.revoke, confirmation)
