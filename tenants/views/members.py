"""Users and devices of one organization, in either place: list, add, remove, suspend."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.actors import actor_of
from core.listing import Listing
from core.metrics import Metric
from tenants.access import device_or_404, user_or_404
from tenants.forms import DeviceForm, UserForm
from tenants.models import Device, ManagedUser
from tenants.refusals import Because, OrganizationRemoved, UserCapReached
from tenants.users.membership import (
    AlreadyThere,
    Via,
    add_device,
    add_user,
    remove_device,
    remove_user,
    set_user_state,
)
from tenants.users.new_peak import Addition, NewPeak, NewPeakOf
from tenants.views.organization_scope import OrganizationScope

USER_SORTS = ("email", "name", "added_at")
DEVICE_SORTS = ("name", "serial_number", "added_at")
USER_FILTERS = ("suspended", "removed")
DEVICE_FILTERS = ("removed",)
LONGEST_NUMBER = 10


def _render_list(
    request: PortalRequest,
    place: OrganizationScope,
    kind: str,
    listing: Listing,
    rows: QuerySet[Any],
) -> HttpResponse:
    context = {
        "place": place,
        "organization": place.organization,
        "listing": listing,
        "page": listing.page_of(rows),
        "zone": request.provider.billing_zone(),
    }
    partial = request.htmx.target == "members"
    template = f"tenants/_{kind}s.html" if partial else f"tenants/{kind}_list.html"
    return render(request, template, context)


def list_users(request: PortalRequest, place: OrganizationScope) -> HttpResponse:
    """The organization's users, living ones unless the filter says otherwise."""
    listing = Listing.of(request, sorts=USER_SORTS, default_sort="email", filters=USER_FILTERS)
    is_removed = listing.filter == "removed"
    rows = ManagedUser.objects.filter(
        organization=place.organization, removed_at__isnull=not is_removed
    )
    if listing.filter == "suspended":
        rows = rows.filter(state=ManagedUser.State.SUSPENDED)
    if listing.search:
        rows = rows.filter(Q(email__icontains=listing.search) | Q(name__icontains=listing.search))
    return _render_list(request, place, "user", listing, rows.order_by(listing.sort, "id"))


def list_devices(request: PortalRequest, place: OrganizationScope) -> HttpResponse:
    """The organization's devices, living ones unless the filter says otherwise."""
    listing = Listing.of(request, sorts=DEVICE_SORTS, default_sort="name", filters=DEVICE_FILTERS)
    is_removed = listing.filter == "removed"
    rows = Device.objects.filter(
        organization=place.organization, removed_at__isnull=not is_removed
    ).select_related("location")
    if listing.search:
        rows = rows.filter(
            Q(name__icontains=listing.search)
            | Q(serial_number__icontains=listing.search)
            | Q(location__name__icontains=listing.search)
        )
    return _render_list(request, place, "device", listing, rows.order_by(listing.sort, "id"))


def user_cap_message(request: PortalRequest, refusal: UserCapReached) -> SafeString:
    """What whoever is stopped is told: the limit, and who can lift it, by name and address."""
    provider = request.provider
    limit = (
        "the free allowance of {cap} users, which a card on file lifts"
        if refusal.because == Because.FREE_ALLOWANCE
        else "its user cap of {cap} users"
    ).format(cap=f"{refusal.cap:,}")
    if request.user.may(Permission.CHANGE_CAPS):
        remedy = (
            format_html(
                'Add a card under <a href="{}">Billing Information</a>.',
                reverse("billing_information"),
            )
            if refusal.because == Because.FREE_ALLOWANCE
            else format_html(
                'You can <a href="{}">raise the cap under Usage</a>.',
                reverse("cap_edit", args=[refusal.organization_id]),
            )
        )
        return format_html(
            "This organization has {} users and has reached {}. {}",
            f"{refusal.count:,}",
            limit,
            remedy,
        )
    return format_html(
        "This organization has {} users and has reached {}. To add more, contact your MSP "
        'administrator, {} (<a href="mailto:{}">{}</a>){}.',
        f"{refusal.count:,}",
        limit,
        provider.contact_name,
        provider.contact_email,
        provider.contact_email,
        _request_link(request, refusal),
    )


def _request_link(request: PortalRequest, refusal: UserCapReached) -> SafeString | str:
    """The way to ask for a higher cap; against the free allowance it would not help."""
    if refusal.because != Because.CAP or not request.user.may(Permission.USE_OWN_ORGANIZATION):
        return ""
    return format_html(
        ', or <a href="{}">request a higher cap</a>',
        reverse("own_cap_request"),
    )


def _render_add(
    request: PortalRequest,
    place: OrganizationScope,
    kind: str,
    form: Any,
    *,
    status: int,
    peak: NewPeak | None = None,
) -> HttpResponse:
    context = {
        "form": form,
        "place": place,
        "organization": place.organization,
        "peak": peak,
        "sees_money": request.user.may(Permission.VIEW_BILLING),
    }
    return render(request, f"tenants/{kind}_add.html", context, status=status)


def _add(
    request: PortalRequest,
    place: OrganizationScope,
    kind: str,
    form: Any,
    add: Any,
    *,
    new_peak: NewPeakOf,
) -> HttpResponse:
    if not form.is_valid():
        return _render_add(request, place, kind, form, status=422 if form.is_bound else 200)
    now = timezone.now()
    if peak := _unseen_peak(request, place, kind, new_peak, now=now):
        return _render_add(request, place, kind, form, status=200, peak=peak)
    added, status = _added(request, place, form, add, now=now)
    if added is None:
        return _render_add(request, place, kind, form, status=status)
    messages.success(request, f"{added} was added to {place.organization}.")
    if "another" in request.POST:
        return redirect(place.url(f"{kind}_add"))
    return redirect(place.url(f"{kind}_list"))


def _added(
    request: PortalRequest, place: OrganizationScope, form: Any, add: Any, *, now: datetime
) -> tuple[ManagedUser | Device | None, int]:
    """What came in; or nothing, the form saying why, and the status of that answer."""
    try:
        added = add(
            organization=place.organization,
            **form.cleaned_data,
            actor=actor_of(request),
            via=Via.FORM,
            now=now,
        )
    except UserCapReached as refusal:
        form.add_error(None, user_cap_message(request, refusal))
        return None, 409
    except AlreadyThere:
        form.refuse_duplicate()
        return None, 422
    except OrganizationRemoved:
        form.add_error(None, "This organization has been removed.")
        return None, 409
    return added, 201


def _unseen_peak(
    request: PortalRequest,
    place: OrganizationScope,
    kind: str,
    new_peak: NewPeakOf,
    *,
    now: datetime,
) -> NewPeak | None:
    """The new peak that one more would make, unless whoever adds was told of one as high."""
    cap = place.organization.user_cap
    peak = new_peak(Addition(place.organization, Metric(f"{kind}s"), 1), now)
    if peak is None or (kind == "user" and cap is not None and peak.level > cap):
        return None
    seen = request.POST.get("seen_peak", "")
    is_seen = seen.isascii() and seen.isdigit() and len(seen) < LONGEST_NUMBER
    return None if is_seen and int(seen) >= peak.level else peak


def add_one_user(
    request: PortalRequest, place: OrganizationScope, new_peak: NewPeakOf
) -> HttpResponse:
    """A user by form; a reached cap says whom to contact, a new peak is confirmed first."""
    return _add(request, place, "user", UserForm(request.POST or None), add_user, new_peak=new_peak)


def add_one_device(
    request: PortalRequest, place: OrganizationScope, new_peak: NewPeakOf
) -> HttpResponse:
    """A device by form; a new peak is confirmed first."""
    return _add(
        request, place, "device", DeviceForm(request.POST or None), add_device, new_peak=new_peak
    )


def remove_one_user(request: PortalRequest, place: OrganizationScope, user_id: int) -> HttpResponse:
    """Asks, then removes the user."""
    user = user_or_404(organization=place.organization, user_id=user_id)
    if request.method == "POST":
        remove_user(user=user, actor=actor_of(request), now=timezone.now())
        messages.success(request, f"{user} was removed.")
        return redirect(place.user_list_url)
    context = {"member": user, "noun": "user", "back_url": place.user_list_url}
    return _render_removal(request, place, context)


def remove_one_device(
    request: PortalRequest, place: OrganizationScope, device_id: int
) -> HttpResponse:
    """Asks, then removes the device."""
    device = device_or_404(organization=place.organization, device_id=device_id)
    if request.method == "POST":
        remove_device(device=device, actor=actor_of(request), now=timezone.now())
        messages.success(request, f"{device} was removed.")
        return redirect(place.device_list_url)
    context = {"member": device, "noun": "device", "back_url": place.device_list_url}
    return _render_removal(request, place, context)


def _render_removal(
    request: PortalRequest, place: OrganizationScope, context: dict[str, Any]
) -> HttpResponse:
    context |= {"place": place, "organization": place.organization}
    return render(request, "tenants/member_remove.html", context)


def switch_user_state(
    request: PortalRequest, place: OrganizationScope, user_id: int, state: ManagedUser.State
) -> HttpResponse:
    """Suspends or reactivates the user, who counts all the same."""
    user = user_or_404(organization=place.organization, user_id=user_id)
    set_user_state(user=user, state=state, actor=actor_of(request), now=timezone.now())
    said = "suspended, and still counts" if state == ManagedUser.State.SUSPENDED else "active again"
    messages.success(request, f"{user} is {said}.")
    return redirect(place.user_list_url)
