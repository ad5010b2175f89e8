"""Locations of one organization, and the location of a device."""

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.requests import PortalRequest
from core.actors import actor_of
from core.listing import Listing
from tenants.access import owned_or_404
from tenants.forms import DeviceLocationForm, LocationForm
from tenants.models import Device, Location
from tenants.organizations.locations import (
    LocationNameTaken,
    add_location,
    change_location,
    remove_location,
    set_device_location,
)
from tenants.views.organization_scope import OrganizationScope, scoped


@require_safe
@scoped
def location_list(request: PortalRequest, scope: OrganizationScope) -> HttpResponse:
    """The organization's locations with the number of their devices."""
    listing = Listing.of(request)
    rows = scope.organization.locations.annotate(
        devices=Count("device", filter=Q(device__removed_at=None))
    ).order_by("name", "pk")
    if listing.search:
        rows = rows.filter(Q(name__icontains=listing.search) | Q(address__icontains=listing.search))
    context = scope.context(listing=listing, page=listing.page_of(rows))
    partial = request.htmx.target == "locations"
    template = "tenants/_locations.html" if partial else "tenants/location_list.html"
    return render(request, template, context)


@require_http_methods(["GET", "HEAD", "POST"])
@scoped
def location_form(
    request: PortalRequest, scope: OrganizationScope, location_id: int | None = None
) -> HttpResponse:
    """Add a location, or change the name or address of the one with this id."""
    location = None
    if location_id is not None:
        location = owned_or_404(Location, organization=scope.organization, pk=location_id)
    now, actor = timezone.now(), actor_of(request)
    initial = {"name": location.name, "address": location.address} if location else None
    form = LocationForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            if location:
                saved = change_location(
                    location=location, **form.cleaned_data, actor=actor, now=now
                )
            else:
                saved = add_location(
                    organization=scope.organization, **form.cleaned_data, actor=actor, now=now
                )
        except LocationNameTaken:
            form.refuse_name()
        else:
            messages.success(request, f"{saved} is saved.")
            return redirect(scope.url("location_list"))
    context = scope.context(form=form, location=location)
    status = 422 if form.errors else 200
    return render(request, "tenants/location_form.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@scoped
def location_remove(
    request: PortalRequest, scope: OrganizationScope, location_id: int
) -> HttpResponse:
    """Ask, then remove the location."""
    location = owned_or_404(Location, organization=scope.organization, pk=location_id)
    if request.method == "POST":
        remove_location(location=location, actor=actor_of(request), now=timezone.now())
        messages.success(request, f"{location} was removed.")
        return redirect(scope.url("location_list"))
    devices = Device.objects.living().filter(location=location).count()
    context = scope.context(location=location, devices=devices)
    return render(request, "tenants/location_remove.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@scoped
def device_location(
    request: PortalRequest, scope: OrganizationScope, device_id: int
) -> HttpResponse:
    """Record the location of a device."""
    device = owned_or_404(Device, organization=scope.organization, pk=device_id)
    form = DeviceLocationForm(
        request.POST if request.method == "POST" else None,
        organization=scope.organization,
        initial={"location": device.location_id},
    )
    if form.is_valid():
        location = form.cleaned_data["location"]
        set_device_location(
            device=device, location=location, actor=actor_of(request), now=timezone.now()
        )
        messages.success(request, f"{device}: {location or 'no location'}.")
        return redirect(scope.url("device_list"))
    context = scope.context(form=form, device=device)
    status = 422 if form.errors else 200
    return render(request, "tenants/device_location.html", context, status=status)
