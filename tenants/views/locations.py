"""Locations of an organization, for its provider and for itself; and where a device stands."""

from collections.abc import Callable

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.actors import actor_of
from core.listing import Listing
from tenants.access import device_or_404, location_or_404
from tenants.forms import DeviceLocationForm, LocationForm
from tenants.models import Location
from tenants.organizations.locations import (
    LocationNameTaken,
    add_location,
    change_location,
    remove_location,
    set_device_location,
)
from tenants.views.organization_scope import OrganizationScope
from tenants.views.own_members import own_pages

forms_of = require_http_methods(["GET", "HEAD", "POST"])
viewing = requires(Permission.VIEW_ORGANIZATIONS)
changing = requires(Permission.CHANGE_MEMBERS)


def _list(request: PortalRequest, place: OrganizationScope) -> HttpResponse:
    listing = Listing.of(request)
    rows = place.organization.locations.annotate(
        devices=Count("device", filter=Q(device__removed_at=None))
    ).order_by("name", "pk")
    if listing.search:
        rows = rows.filter(Q(name__icontains=listing.search) | Q(address__icontains=listing.search))
    context = {
        "place": place,
        "organization": place.organization,
        "listing": listing,
        "page": listing.page_of(rows),
    }
    partial = request.htmx.target == "locations"
    template = "tenants/_locations.html" if partial else "tenants/location_list.html"
    return render(request, template, context)


def _form(
    request: PortalRequest, place: OrganizationScope, location: Location | None = None
) -> HttpResponse:
    now, actor = timezone.now(), actor_of(request)
    initial = {"name": location.name, "address": location.address} if location else None
    form = LocationForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            if location:
                kept = change_location(location=location, **form.cleaned_data, actor=actor, now=now)
            else:
                kept = add_location(
                    organization=place.organization, **form.cleaned_data, actor=actor, now=now
                )
        except LocationNameTaken:
            form.refuse_name()
        else:
            messages.success(request, f"{kept} is saved.")
            return redirect(place.location_list_url)
    context = {
        "form": form,
        "place": place,
        "organization": place.organization,
        "location": location,
    }
    status = 422 if form.errors else 200
    return render(request, "tenants/location_form.html", context, status=status)


def _edit(request: PortalRequest, place: OrganizationScope, location_id: int) -> HttpResponse:
    location = location_or_404(organization=place.organization, location_id=location_id)
    return _form(request, place, location)


def _remove(request: PortalRequest, place: OrganizationScope, location_id: int) -> HttpResponse:
    location = location_or_404(organization=place.organization, location_id=location_id)
    if request.method == "POST":
        remove_location(location=location, actor=actor_of(request), now=timezone.now())
        messages.success(request, f"{location} was removed.")
        return redirect(place.location_list_url)
    context = {
        "place": place,
        "organization": place.organization,
        "location": location,
        "devices": location.device_set.filter(removed_at=None).count(),
    }
    return render(request, "tenants/location_remove.html", context)


def _place(request: PortalRequest, place: OrganizationScope, device_id: int) -> HttpResponse:
    device = device_or_404(organization=place.organization, device_id=device_id)
    form = DeviceLocationForm(
        request.POST if request.method == "POST" else None,
        organization=place.organization,
        initial={"location": device.location_id},
    )
    if form.is_valid():
        location = form.cleaned_data["location"]
        set_device_location(
            device=device, location=location, actor=actor_of(request), now=timezone.now()
        )
        messages.success(request, f"{device}: {location or 'no location'}.")
        return redirect(place.device_list_url)
    context = {
        "form": form,
        "place": place,
        "organization": place.organization,
        "device": device,
    }
    status = 422 if form.errors else 200
    return render(request, "tenants/device_location.html", context, status=status)


def _of_provider(
    view: Callable[..., HttpResponse], request: PortalRequest, organization_id: int, *ids: int
) -> HttpResponse:
    return view(request, OrganizationScope.of_provider(request, organization_id), *ids)


@viewing
@require_safe
def location_list(request: PortalRequest, organization_id: int) -> HttpResponse:
    """The organization's locations with their devices."""
    return _of_provider(_list, request, organization_id)


@changing
@forms_of
def location_add(request: PortalRequest, organization_id: int) -> HttpResponse:
    """Add a location to the organization."""
    return _of_provider(_form, request, organization_id)


@changing
@forms_of
def location_edit(request: PortalRequest, organization_id: int, location_id: int) -> HttpResponse:
    """Change a location's name or address."""
    return _of_provider(_edit, request, organization_id, location_id)


@changing
@forms_of
def location_remove(request: PortalRequest, organization_id: int, location_id: int) -> HttpResponse:
    """Asks, then removes the location."""
    return _of_provider(_remove, request, organization_id, location_id)


@changing
@forms_of
def device_location(request: PortalRequest, organization_id: int, device_id: int) -> HttpResponse:
    """Say where a device of the organization stands."""
    return _of_provider(_place, request, organization_id, device_id)


@own_pages
@require_safe
def own_location_list(request: PortalRequest) -> HttpResponse:
    """The own organization's locations."""
    return _list(request, OrganizationScope.of_own(request))


@own_pages
@forms_of
def own_location_add(request: PortalRequest) -> HttpResponse:
    """Add a location to the own organization."""
    return _form(request, OrganizationScope.of_own(request))


@own_pages
@forms_of
def own_location_edit(request: PortalRequest, location_id: int) -> HttpResponse:
    """Change a location of the own organization."""
    return _edit(request, OrganizationScope.of_own(request), location_id)


@own_pages
@forms_of
def own_location_remove(request: PortalRequest, location_id: int) -> HttpResponse:
    """Remove a location of the own organization."""
    return _remove(request, OrganizationScope.of_own(request), location_id)


@own_pages
@forms_of
def own_device_location(request: PortalRequest, device_id: int) -> HttpResponse:
    """Say where a device of the own organization stands."""
    return _place(request, OrganizationScope.of_own(request), device_id)
