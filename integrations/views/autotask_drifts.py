"""The page of drifts: edits in Autotask and the decisions on them."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.requests import PortalRequest
from core.actors import actor_of
from core.listing import Listing
from integrations.autotask.sync.drift_resolution import AlreadyDecided, UnitsChanged, decide
from integrations.autotask.sync.runs import CannotRun
from integrations.models import Drift
from integrations.views.autotask import manages

# Digits of a posted number; the column holds no longer one.
MOST_DIGITS = 9


@manages
@require_safe
def autotask_drift_list(request: PortalRequest) -> HttpResponse:
    """Open drifts, and below them the decided ones."""
    drifts = Drift.objects.select_related("mapping__organization")
    context = {
        "open": drifts.filter(decided_at=None).order_by("-detected_at"),
        "page": Listing.of(request).page_of(
            drifts.exclude(decided_at=None).order_by("-decided_at", "-pk")
        ),
        "zone": request.provider.billing_zone(),
        "path": request.path,
    }
    return render(request, "integrations/drift_list.html", context)


@manages
@require_POST
def autotask_drift_accept(request: PortalRequest, drift_id: int) -> HttpResponse:
    """Keep Autotask's units for the month."""
    text = "Autotask's number stands for the month."
    return _decide(request, drift_id, Drift.Decision.ACCEPT, text)


@manages
@require_POST
def autotask_drift_overwrite(request: PortalRequest, drift_id: int) -> HttpResponse:
    """Set our own quantity, if Autotask still shows the units that the person saw."""
    text = "The organization's own count is being set."
    return _decide(request, drift_id, Drift.Decision.OVERWRITE, text)


def _decide(
    request: PortalRequest, drift_id: int, decision: Drift.Decision, text: str
) -> HttpResponse:
    drift = Drift.objects.filter(pk=drift_id).first()
    if drift is None:
        raise Http404
    seen = request.POST.get("seen", "")
    try:
        decide(
            drift=drift,
            decision=decision,
            seen_units=int(seen) if seen.isdecimal() and len(seen) <= MOST_DIGITS else -1,
            actor=actor_of(request),
            now=timezone.now(),
        )
    except (AlreadyDecided, UnitsChanged, CannotRun) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, text)
    return redirect("autotask_drift_list")
