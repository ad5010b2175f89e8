"""Requests for a higher cap: the open ones, the answered ones, and the decision on one."""

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.menu_badges import clear_menu_badges
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.planning.cap_request_cost import request_forecast, requests_with_cost
from core.actors import actor_of
from core.listing import Listing
from core.months import day_ends_at
from tenants.cap_requests.decisions import AlreadyDecided, CapAlreadyHigher, Until, approve, decline
from tenants.cap_requests.forms import Decision, DecisionForm
from tenants.models import CapRequest

CONFLICT = 409
UNPROCESSABLE = 422


@requires(Permission.CHANGE_CAPS)
@require_safe
def cap_request_list(request: PortalRequest) -> HttpResponse:
    """Open requests, oldest first, with the cost of each; or the answered ones."""
    listing = Listing.of(request, filters=("answered",))
    requests = CapRequest.objects.visible().select_related("organization")
    if listing.filter:
        requests = requests.exclude(state=CapRequest.State.OPEN).order_by("-decided_at", "-pk")
    else:
        requests = requests.open().order_by("requested_at", "pk")
    page = listing.page_of(requests)
    zone = request.provider.billing_zone()
    context = {
        "listing": listing,
        "page": page,
        "rows": requests_with_cost(page.object_list, zone=zone, now=timezone.now()),
        "zone": zone.key,
    }
    partial = request.htmx.target == "cap-requests"
    template = "billing/_cap_requests.html" if partial else "billing/cap_request_list.html"
    return render(request, template, context)


@requires(Permission.CHANGE_CAPS)
@require_http_methods(["GET", "HEAD", "POST"])
def cap_request_detail(request: PortalRequest, cap_request_id: int) -> HttpResponse:
    """One request with its cost, and the form that approves or declines it."""
    cap_request = _request_or_404(cap_request_id)
    zone = request.provider.billing_zone()
    form = DecisionForm(request.POST or None, today=timezone.now().astimezone(zone).date())
    if request.method != "POST":
        return _render(request, cap_request, form, status=200)
    if not form.is_valid():
        return _render(request, cap_request, form, status=UNPROCESSABLE)
    try:
        decided = _decide(request, cap_request, form.cleaned_data, zone=zone)
    except AlreadyDecided as refusal:
        form.add_error(
            None,
            f"{refusal.request.decided_by_name} {refusal.request.state} this request before you. "
            "Your answer changed nothing.",
        )
        return _render(request, _request_or_404(cap_request_id), form, status=CONFLICT)
    except CapAlreadyHigher as refusal:
        cap = "No User Cap" if refusal.cap is None else f"{refusal.cap:,}"
        form.add_error(
            None, f"The user cap is {cap} by now: approving would lower it. Decline it, saying so."
        )
        return _render(request, _request_or_404(cap_request_id), form, status=CONFLICT)
    clear_menu_badges(user=request.user)
    messages.success(request, f"The request of {cap_request.organization} is {decided.state}.")
    return redirect("cap_request_list")


def _decide(
    request: PortalRequest, cap_request: CapRequest, answers: dict[str, Any], *, zone: ZoneInfo
) -> CapRequest:
    actor, now, answer = actor_of(request), timezone.now(), answers["answer"]
    if answers["decision"] == Decision.DECLINE:
        return decline(request=cap_request, answer=answer, actor=actor, now=now)
    day = answers["last_day"]
    until = Until(day, day_ends_at(day=day, zone=zone)) if day else None
    return approve(request=cap_request, until=until, answer=answer, actor=actor, now=now)


def _request_or_404(cap_request_id: int) -> CapRequest:
    cap_request: CapRequest | None = (
        CapRequest.objects.visible()
        .select_related("organization")
        .filter(pk=cap_request_id)
        .first()
    )
    if cap_request is None:
        raise Http404
    return cap_request


def _render(
    request: PortalRequest, cap_request: CapRequest, form: DecisionForm, *, status: int
) -> HttpResponse:
    zone = request.provider.billing_zone()
    now = timezone.now()
    ((_, cost),) = requests_with_cost([cap_request], zone=zone, now=now)
    is_open = cap_request.state == CapRequest.State.OPEN
    forecast = request_forecast(request=cap_request, zone=zone, now=now) if is_open else None
    context = {"form": form, "one": cap_request, "cost": cost, "forecast": forecast}
    return render(request, "billing/cap_request_detail.html", context, status=status)
