"""What every page says about an outstanding balance."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from accounts.providers import current_provider
from billing.dunning.summary import DunningSummary
from billing.dunning.suspension import dunning_status_of_request, sees_dunning


def standing(request: HttpRequest) -> dict[str, Any]:
    """`standing`: a `DunningSummary` for whoever works for a provider that owes, otherwise None.

    `is_suspended` is known to everybody. Costs no statement while nothing can be outstanding.
    """
    assessment = dunning_status_of_request(request, now=timezone.now())
    if not assessment.standing:
        return {"standing": None, "is_suspended": False}
    is_told = sees_dunning(getattr(request, "user", None))
    zone = current_provider().billing_zone()
    page = DunningSummary.of(assessment, zone=zone) if is_told else None
    return {
        "standing": page,
        "is_suspended": assessment.is_suspended,
        "support_email": settings.SUPPORT_EMAIL,
    }
