"""The provider's organizations: create, rename and remove."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.actors import actor_of
from tenants.access import organization_or_404
from tenants.forms import NewOrganizationForm, OrganizationForm, RemovalForm
from tenants.models import Device, ManagedUser
from tenants.organizations.lifecycle import (
    NameTaken,
    OrganizationInUse,
    OrganizationLimitReached,
    create_organization,
    remove_organization,
    rename_organization,
)


@requires(Permission.CHANGE_ORGANIZATIONS)
@require_http_methods(["GET", "HEAD", "POST"])
def organization_create(request: PortalRequest) -> HttpResponse:
    """Create an organization, unless the provider's limit is reached."""
    if request.user.limited_to is not None:
        raise PermissionDenied("You are limited to some organizations and can't create others.")
    form = NewOrganizationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            organization = create_organization(
                name=form.cleaned_data["name"],
                mau_limit=form.cleaned_data["mau_limit"],
                limit=request.provider.organization_limit,
                actor=actor_of(request),
                now=timezone.now(),
            )
        except NameTaken:
            form.refuse_name()
        except OrganizationLimitReached as refusal:
            form.add_error(
                None,
                f"All {refusal.limit:,} organizations of your agreement are in use. Remove one, "
                "or ask your account manager for more.",
            )
        else:
            messages.success(request, f"{organization.name} was created.")
            return redirect("organization_detail", organization_id=organization.pk)
    status = 422 if form.is_bound else 200
    return render(request, "tenants/organization_create.html", {"form": form}, status=status)


@requires(Permission.CHANGE_ORGANIZATIONS)
@require_http_methods(["GET", "HEAD", "POST"])
def organization_rename(request: PortalRequest, organization_id: int) -> HttpResponse:
    """Rename the organization."""
    organization = organization_or_404(organization_id=organization_id)
    form = OrganizationForm(request.POST or None, initial={"name": organization.name})
    if request.method == "POST" and form.is_valid():
        try:
            rename_organization(
                organization=organization,
                name=form.cleaned_data["name"],
                actor=actor_of(request),
                now=timezone.now(),
            )
        except NameTaken:
            form.refuse_name()
        else:
            messages.success(request, "The new name is saved.")
            return redirect("organization_settings", organization_id=organization.pk)
    status = 422 if form.is_bound else 200
    context = {"form": form, "organization": organization}
    return render(request, "tenants/organization_rename.html", context, status=status)


@requires(Permission.CHANGE_ORGANIZATIONS)
@require_http_methods(["GET", "HEAD", "POST"])
def organization_remove(request: PortalRequest, organization_id: int) -> HttpResponse:
    """Remove the organization with its members, confirmed by typing its name."""
    organization = organization_or_404(organization_id=organization_id)
    form = RemovalForm(request.POST or None, name=organization.name)
    if request.method == "POST" and form.is_valid():
        actor = actor_of(request)
        try:
            remove_organization(organization=organization, actor=actor, now=timezone.now())
        except OrganizationInUse:
            form.add_error(None, "Users or devices were added just now. Look again first.")
        else:
            messages.success(request, f"{organization.name} was removed.")
            return redirect("organization_list")
    context = {
        "form": form,
        "organization": organization,
        "users": ManagedUser.objects.living().filter(organization=organization).count(),
        "devices": Device.objects.living().filter(organization=organization).count(),
    }
    status = 422 if form.is_bound else 200
    return render(request, "tenants/organization_remove.html", context, status=status)
