"""Requests for a higher cap: those that wait, those that were answered, and the answer."""

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
from billing.planning.cap_request_cost import request_outlook, request_rows
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
    """Open requests, oldest first, with what each would cost; or the answered ones."""
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
        "rows": request_rows(page.object_list, zone=zone, now=timezone.now()),
        "zone": zone.key,
    }
    partial = request.htmx.target == "cap-requests"
    template = "billing/_cap_requests.html" if partial else "billing/cap_request_list.html"
    return render(request, template, context)


@requires(Permission.CHANGE_CAPS)
@require_http_methods(["GET", "HEAD", "POST"])
def cap_request_detail(request: PortalRequest, cap_request_id: int) -> HttpResponse:
    """One request with its cost, and the form that approves or declines it."""
    asked = _request_or_404(cap_request_id)
    zone = request.provider.billing_zone()
    form = DecisionForm(request.POST or None, today=timezone.now().astimezone(zone).date())
    if request.method != "POST":
        return _render(request, asked, form, status=200)
    if not form.is_valid():
        return _render(request, asked, form, status=UNPROCESSABLE)
    try:
        decided = _decide(request, asked, form.cleaned_data, zone=zone)
    except AlreadyDecided as first:
        form.add_error(
            None,
            f"{first.request.decided_by_name} {first.request.state} this request before you. "
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
    messages.success(request, f"The request of {asked.organization} is {decided.state}.")
    return redirect("cap_request_list")


def _decide(
    request: PortalRequest, asked: CapRequest, answers: dict[str, Any], *, zone: ZoneInfo
) -> CapRequest:
    actor, now, answer = actor_of(request), timezone.now(), answers["answer"]
    if answers["decision"] == Decision.DECLINE:
        return decline(request=asked, answer=answer, actor=actor, now=now)
    day = answers["last_day"]
    until = Until(day, day_ends_at(day=day, zone=zone)) if day else None
    return approve(request=asked, until=until, answer=answer, actor=actor, now=now)


def _request_or_404(cap_request_id: int) -> CapRequest:
    asked: CapRequest | None = (
        CapRequest.objects.visible()
        .select_related("organization")
        .filter(pk=cap_request_id)
        .first()
    )
    if asked is None:
        raise Http404
    return asked


def _render(
    request: PortalRequest, asked: CapRequest, form: DecisionForm, *, status: int
) -> HttpResponse:
    zone = request.provider.billing_zone()
    now = timezone.now()
    (row,) = request_rows([asked], zone=zone, now=now)
    is_open = asked.state == CapRequest.State.OPEN
    context = {
        "form": form,
        "row": row,
        "one": asked,
        "zone": zone.key,
        "outlook": request_outlook(request=asked, zone=zone, now=now) if is_open else None,
    }
    return render(request, "billing/cap_request_detail.html", context, status=status)
