"""The admins of an organization: list, invite, remove and reinstate."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Invitation, User
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission, Role
from tenants.access import organization_or_404
from tenants.models import BulkAction, Organization
from tenants.people.administrators import reinstate_administrator, remove_administrator
from tenants.people.forms import InviteOrganizationAdminForm
from tenants.people.invitations import Invitee, invite
from tenants.people.rules import ChangeRefused
from tenants.views.bulk import begin
from tenants.views.invitation_list import invitation_list

managing = requires(Permission.MANAGE_ORGANIZATION_ADMINS)


def _admins(request: PortalRequest, organization: Organization) -> QuerySet[User]:
    return User.objects.filter(
        provider=request.provider,
        role=Role.ORGANIZATION_ADMIN,
        organization_id=organization.pk,
    )


@managing
@require_safe
def organization_admin_list(request: PortalRequest, organization_id: int) -> HttpResponse:
    """The organization's admins and their invitations."""
    organization = organization_or_404(organization_id=organization_id)
    bulk_url = reverse("organization_invitation_bulk", args=[organization.pk])
    context = {
        "organization": organization,
        "people": _admins(request, organization).order_by("-is_active", "name"),
        **invitation_list(request, _invited(request, organization), bulk_url=bulk_url),
        "zone": request.provider.billing_zone(),
    }
    return render(request, "tenants/organization_admin_list.html", context)


def _invited(request: PortalRequest, organization: Organization) -> QuerySet[Invitation]:
    return Invitation.objects.open().filter(
        provider=request.provider, organization_id=organization.pk
    )


@managing
@require_POST
def organization_invitation_bulk(request: PortalRequest, organization_id: int) -> HttpResponse:
    """Begin an action on the selected invitations of the organization."""
    organization = organization_or_404(organization_id=organization_id)
    return begin(
        request,
        kind=BulkAction.Kind.INVITATIONS,
        rows=_invited(request, organization),
        back_url=reverse("organization_admin_list", args=[organization.pk]),
    )


@managing
@require_http_methods(["GET", "HEAD", "POST"])
def organization_admin_invite(request: PortalRequest, organization_id: int) -> HttpResponse:
    """Invite an admin of this organization by mail."""
    organization = organization_or_404(organization_id=organization_id)
    form = InviteOrganizationAdminForm(request.POST or None)
    if form.is_valid():
        invitee = Invitee(
            email=form.cleaned_data["email"],
            name=form.cleaned_data["name"],
            role=Role.ORGANIZATION_ADMIN,
            organization=organization,
        )
        try:
            sent = invite(
                provider=request.provider, invitee=invitee, by=request.user, now=timezone.now()
            )
        except ChangeRefused as refusal:
            form.add_error("email", str(refusal))
        else:
            messages.success(request, f"An invitation is on its way to {sent.email}.")
            return redirect("organization_admin_list", organization_id=organization.pk)
    context = {"form": form, "organization": organization}
    status = 422 if form.errors else 200
    return render(request, "tenants/organization_admin_invite.html", context, status=status)


@managing
@require_http_methods(["GET", "HEAD", "POST"])
def organization_admin_remove(
    request: PortalRequest, organization_id: int, admin_id: int
) -> HttpResponse:
    """Ask, then end the login, or reinstate a removed one."""
    organization = organization_or_404(organization_id=organization_id)
    people = _admins(request, organization).select_related("provider")
    person = people.filter(pk=admin_id).first()
    if person is None:
        raise Http404
    if request.method != "POST":
        context = {"organization": organization, "person": person}
        return render(request, "tenants/organization_admin_remove.html", context)
    change = remove_administrator if person.is_active else reinstate_administrator
    try:
        change(administrator=person, by=request.user, now=timezone.now())
    except ChangeRefused as refusal:
        messages.error(request, str(refusal))
    else:
        outcome = "was removed" if person.is_active else "may sign in again"
        messages.success(request, f"{person.name} {outcome}.")
    return redirect("organization_admin_list", organization_id=organization.pk)
