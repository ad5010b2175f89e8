"""An organization's request for a higher user cap: asking, and what was answered before."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.requests import PortalRequest
from tenants.cap_requests.forms import CapRequestForm
from tenants.cap_requests.requests import (
    CapRequestRefused,
    NothingToWithdraw,
    request_cap,
    withdraw_request,
)
from tenants.models import LARGEST_USER_CAP, ManagedUser
from tenants.views.organization_scope import OrganizationScope, own_pages

CONFLICT = 409
UNPROCESSABLE = 422
SHOWN = 20


@own_pages
@require_http_methods(["GET", "HEAD", "POST"])
def own_cap_request(request: PortalRequest) -> HttpResponse:
    """The own organization's cap, a form to ask for a higher one, and earlier requests."""
    place = OrganizationScope.of_own(request)
    cap = place.organization.user_cap
    form = CapRequestForm(request.POST or None, present=cap or 0)
    status = 200
    if request.method == "POST" and not form.is_valid():
        status = UNPROCESSABLE
    elif request.method == "POST":
        try:
            asked = request_cap(
                provider=request.provider,
                organization=place.organization,
                **form.cleaned_data,
                by=request.user,
                now=timezone.now(),
            )
        except CapRequestRefused as refusal:
            form.add_error(None, str(refusal))
            status = CONFLICT
        else:
            messages.success(request, f"Your request for {asked.requested_cap:,} users was sent.")
            return redirect("own_cap_request")
    return _render(request, place, form, status=status)


@own_pages
@require_POST
def own_cap_request_withdraw(request: PortalRequest) -> HttpResponse:
    """Take the own organization's open request back."""
    place = OrganizationScope.of_own(request)
    try:
        withdraw_request(organization=place.organization, by=request.user, now=timezone.now())
    except NothingToWithdraw:
        messages.info(request, "No request is open any more: it was answered meanwhile.")
    else:
        messages.success(request, "Your request is withdrawn. You can make another.")
    return redirect("own_cap_request")


def _render(
    request: PortalRequest, place: OrganizationScope, form: CapRequestForm, *, status: int
) -> HttpResponse:
    requests = place.organization.cap_requests.order_by("-requested_at", "-pk")
    cap = place.organization.user_cap
    open_request = requests.open().first()
    context = {
        "form": form,
        "place": place,
        "organization": place.organization,
        "users": ManagedUser.objects.filter(
            organization=place.organization, removed_at=None
        ).count(),
        "open_request": open_request,
        "may_ask": cap is not None and cap < LARGEST_USER_CAP and open_request is None,
        "earlier": requests.exclude(state="open")[:SHOWN],
        "zone": request.provider.billing_zone(),
    }
    return render(request, "tenants/cap_request.html", context, status=status)
