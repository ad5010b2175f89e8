"""The provider's organizations: list, create, rename and remove."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page
from django.db.models import QuerySet, TextField
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.downloads import table_download
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.actors import actor_of
from core.given import Given
from core.listing import ROWS_PER_PAGE, Listing, Rows
from core.names import name_key
from core.remembered import remembered
from core.scope import within
from core.templating.addresses import querystring
from tenants.access import organization_or_404
from tenants.bulk.offers import offers
from tenants.forms import NewOrganizationForm, OrganizationForm, RemovalForm
from tenants.models import (
    LONGEST_TAG,
    BulkAction,
    Device,
    ManagedUser,
    Organization,
    OrganizationQuerySet,
)
from tenants.organizations.lifecycle import (
    NameTaken,
    OrganizationInUse,
    OrganizationLimitReached,
    create_organization,
    remove_organization,
    rename_organization,
)
from tenants.organizations.member_counts import with_member_counts
from tenants.organizations.tags import tags_in_use, tags_of
from tenants.views.bulk import begin, picked

SORTS = ("name", "users", "devices", "created_at")
ARCHIVED = "archived"
EXPORTED = ("Organization", "Users", "Devices", "User cap", "Tags")


class Row(NamedTuple):
    """An organization in the table."""

    pk: int
    name: str
    users: int
    devices: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class _Choice:
    """Which organizations are listed: by a part of the name, by a tag, the archived ones."""

    is_searched: bool
    is_tagged: bool
    is_archived: bool

    def rows(self, search: str | Given, tag: str | Given) -> OrganizationQuerySet:
        rows = Organization.objects.visible()
        if self.is_archived:
            rows = Organization.objects.archived().filter(within("pk"))
        if self.is_searched:
            rows = rows.filter(name_key__contains=search)
        return rows.filter(tags__key=tag) if self.is_tagged else rows


@remembered
def _rows_from(offset: int, *, sort: str, choice: _Choice) -> QuerySet[Organization, Any]:
    rows = choice.rows(Given("search", TextField()), Given("tag", TextField()))
    ordered = with_member_counts(rows).order_by(sort, "id")
    return ordered.values_list(*Row._fields)[offset : offset + ROWS_PER_PAGE]


def _chosen(listing: Listing, tag: str) -> tuple[_Choice, dict[str, str]]:
    values = {"search": name_key(listing.search), "tag": tag}
    choice = _Choice(bool(values["search"]), bool(tag), listing.filter == ARCHIVED)
    return choice, values


def _page(listing: Listing, tag: str) -> Page[Row]:
    choice, values = _chosen(listing, tag)

    def read(offset: int) -> Rows[Row]:
        statement = _rows_from(offset, sort=listing.sort, choice=choice)
        found = [Row(*row) for row in statement.rows(**values)]
        return Rows.counted(found, offset, choice.rows(**values).count)

    return listing.read_page(read)[1]


def _listed(request: PortalRequest) -> tuple[Listing, str]:
    """The list's parameters, and the key of the tag that it is filtered by."""
    listing = Listing.of(request, sorts=SORTS, default_sort="name", filters=[ARCHIVED])
    return listing, name_key(request.GET.get("tag", "").replace("\0", "")[:LONGEST_TAG])


def table_context(request: PortalRequest, *, in_use: int | None = None) -> dict[str, Any]:
    """The context of the table of organizations, for every page that has the table.

    An administrator who is limited to some organizations does not see how many there may be.
    `in_use`, the number of organizations that they may see, is counted if it is not given.
    """
    listing, tag = _listed(request)
    if in_use is None:
        in_use = Organization.objects.visible().count()
    sees_all = request.user.limited_to is None
    limit = request.provider.organization_limit
    return {
        "listing": listing,
        "page": _page(listing, tag),
        "tag": tag,
        "tags": [],
        "tags_of": {},
        "offers": [],
        "bulk_url": "",
        "has_archived": False,
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
    context = table_context(request)
    verbs = [BulkAction.Verb.RESTORE]
    if context["listing"].filter != ARCHIVED:
        verbs = [verb for verb in BulkAction.Verb if verb not in verbs]
    offered = offers(BulkAction.Kind.ORGANIZATIONS, user=request.user, is_own=False)
    context |= {
        "offers": [offer for offer in offered if offer.verb in verbs],
        "bulk_url": reverse("organization_bulk"),
        "tags": tags_in_use(),
        "tags_of": tags_of([row.pk for row in context["page"].object_list]),
        "has_archived": Organization.objects.archived().filter(within("pk")).exists(),
    }
    return render(request, template, context)


@requires(Permission.VIEW_ORGANIZATIONS)
@require_POST
def organization_bulk(request: PortalRequest) -> HttpResponseBase:
    """Begin an action on the selected organizations, or on all that match; or export them."""
    listing, tag = _listed(request)
    choice, values = _chosen(listing, tag)
    rows = choice.rows(**values)
    if request.POST.get("verb") == "export":
        if "all" not in request.POST:
            rows = rows.filter(pk__in=picked(request))
        return table_download(request, name="organizations", header=EXPORTED, rows=_exported(rows))
    back_url = f"{reverse('organization_list')}{querystring(request)}"
    return begin(request, kind=BulkAction.Kind.ORGANIZATIONS, rows=rows, back_url=back_url)


def _exported(rows: OrganizationQuerySet) -> Iterator[tuple[object, ...]]:
    counted = with_member_counts(rows).order_by("name", "id")
    tags = tags_of(list(rows.values_list("pk", flat=True)))
    columns = ("pk", "name", "users", "devices", "user_cap")
    for pk, name, users, devices, cap in counted.values_list(*columns):
        yield name, users, devices, "" if cap is None else cap, ", ".join(tags.get(pk, ()))


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
