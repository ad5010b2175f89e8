"""What people changed in Autotask, and whose number stands."""

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.requests import PortalRequest
from core.actors import actor_of
from core.listing import Listing
from integrations.autotask.sync.drift_resolution import (
    AlreadyDecided,
    SeenOtherwise,
    accept,
    overwrite,
)
from integrations.autotask.sync.runs import CannotRun
from integrations.models import Drift
from integrations.views.autotask import manages


@manages
@require_safe
def autotask_drift_list(request: PortalRequest) -> HttpResponse:
    """What waits for a decision, and below it what was decided."""
    drifts = Drift.objects.select_related("mapping__organization")
    context = {
        "open": drifts.filter(decided_at=None).order_by("-found_at"),
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
    """Autotask's number stands for the month."""
    return _decide(request, drift_id, accept, "Autotask's number stands for the month.")


@manages
@require_POST
def autotask_drift_overwrite(request: PortalRequest, drift_id: int) -> HttpResponse:
    """Our own count is set, if Autotask still shows what the person saw."""
    return _decide(request, drift_id, overwrite, "The organization's own count is being set.")


def _decide(
    request: PortalRequest, drift_id: int, decide: Callable[..., Drift], said: str
) -> HttpResponse:
    drift = Drift.objects.filter(pk=drift_id).first()
    if drift is None:
        raise Http404
    seen = request.POST.get("seen", "")
    try:
        decide(
            drift=drift,
            seen_units=int(seen) if seen.isdecimal() and len(seen) < 10 else -1,  # noqa: PLR2004
            actor=actor_of(request),
            now=timezone.now(),
        )
    except (AlreadyDecided, SeenOtherwise, CannotRun) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, said)
    return redirect("autotask_drift_list")
