"""The provider's organizations: list, create, rename and remove."""

from datetime import datetime
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page
from django.db.models import QuerySet, TextField
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.actors import actor_of
from core.given import Given
from core.listing import ROWS_PER_PAGE, Listing, Rows
from core.names import name_key
from core.remembered import remembered
from tenants.access import organization_or_404
from tenants.forms import NewOrganizationForm, OrganizationForm, RemovalForm
from tenants.models import Device, ManagedUser, Organization
from tenants.organizations.lifecycle import (
    NameTaken,
    OrganizationInUse,
    OrganizationLimitReached,
    create_organization,
    remove_organization,
    rename_organization,
)
from tenants.organizations.member_counts import with_member_counts

SORTS = ("name", "users", "devices", "created_at")


class Row(NamedTuple):
    """An organization in the table."""

    pk: int
    name: str
    users: int
    devices: int
    created_at: datetime


@remembered
def _rows_from(offset: int, *, sort: str, is_searched: bool) -> QuerySet[Organization, Any]:
    rows = Organization.objects.visible()
    if is_searched:
        rows = rows.filter(name_key__contains=Given("search", TextField()))
    ordered = with_member_counts(rows).order_by(sort, "id")
    return ordered.values_list(*Row._fields)[offset : offset + ROWS_PER_PAGE]


def _page(listing: Listing) -> Page[Row]:
    search = name_key(listing.search)

    def count() -> int:
        return Organization.objects.visible().filter(name_key__contains=search).count()

    def read(offset: int) -> Rows[Row]:
        statement = _rows_from(offset, sort=listing.sort, is_searched=bool(search))
        found = [Row(*row) for row in statement.rows(search=search)]
        return Rows.counted(found, offset, count)

    return listing.read_page(read)[1]


def table_context(request: PortalRequest, *, in_use: int | None = None) -> dict[str, Any]:
    """The context of the table of organizations, for every page that has the table.

    An administrator who is limited to some organizations does not see how many there may be.
    `in_use`, the number of organizations that they may see, is counted if it is not given.
    """
    listing = Listing.of(request, sorts=SORTS, default_sort="name")
    if in_use is None:
        in_use = Organization.objects.visible().count()
    sees_all = request.user.limited_to is None
    limit = request.provider.organization_limit
    return {
        "listing": listing,
        "page": _page(listing),
        "list_url": request.path,
        "in_use": in_use,
        "limit": limit if sees_all else None,
        "is_full": sees_all and in_use >= limit,
        "may_change": request.user.may(Permission.CHANGE_ORGANIZATIONS) and sees_all,
        "may_enter": request.user.may(Permission.IMPERSONATE),
        "zone": request.provider.billing_zone(),
    }


@requires(Permission.VIEW_ORGANIZATIONS)
@require_safe
def organization_list(request: PortalRequest) -> HttpResponse:
    """The provider's organizations; only the table for a request by htmx."""
    partial = request.htmx.target == "organizations"
    template = "tenants/_organizations.html" if partial else "tenants/organization_list.html"
    return render(request, template, table_context(request))


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
@require_safe
def organization_settings(request: PortalRequest, organization_id: int) -> HttpResponse:
    """What can be changed about the organization."""
    context = {
        "organization": organization_or_404(organization_id=organization_id),
        "may_cap": request.user.may(Permission.CHANGE_CAPS),
    }
    return render(request, "tenants/organization_settings.html", context)


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
