"""The page on which an organization requests a higher user cap, and its earlier requests."""

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
MOST_EARLIER = 20


@own_pages
@require_http_methods(["GET", "HEAD", "POST"])
def own_cap_request(request: PortalRequest) -> HttpResponse:
    """The own organization's cap, the form to request a higher one, and earlier requests."""
    scope = OrganizationScope.of_own(request)
    cap = scope.organization.user_cap
    form = CapRequestForm(request.POST or None, present=cap or 0)
    status = 200
    if request.method == "POST" and not form.is_valid():
        status = UNPROCESSABLE
    elif request.method == "POST":
        try:
            cap_request = request_cap(
                provider=request.provider,
                organization=scope.organization,
                **form.cleaned_data,
                by=request.user,
                now=timezone.now(),
            )
        except CapRequestRefused as refusal:
            form.add_error(None, str(refusal))
            status = CONFLICT
        else:
            messages.success(
                request, f"Your request for {cap_request.requested_cap:,} users was sent."
            )
            return redirect("own_cap_request")
    return _render(request, scope, form, status=status)


@own_pages
@require_POST
def own_cap_request_withdraw(request: PortalRequest) -> HttpResponse:
    """Withdraw the own organization's open request."""
    scope = OrganizationScope.of_own(request)
    try:
        withdraw_request(organization=scope.organization, by=request.user, now=timezone.now())
    except NothingToWithdraw:
        messages.info(request, "No request is open any more: it was answered meanwhile.")
    else:
        messages.success(request, "Your request is withdrawn. You can make another.")
    return redirect("own_cap_request")


def _render(
    request: PortalRequest, scope: OrganizationScope, form: CapRequestForm, *, status: int
) -> HttpResponse:
    requests = scope.organization.cap_requests.order_by("-requested_at", "-pk")
    cap = scope.organization.user_cap
    open_request = requests.open().first()
    context = scope.context(
        form=form,
        users=ManagedUser.objects.living().filter(organization=scope.organization).count(),
        open_request=open_request,
        may_ask=cap is not None and cap < LARGEST_USER_CAP and open_request is None,
        earlier=requests.exclude(state="open")[:MOST_EARLIER],
        zone=request.provider.billing_zone(),
    )
    return render(request, "tenants/cap_request.html", context, status=status)
