"""The outstanding balance, for the banner of every page."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from billing.dunning.suspension import dunning_status_of_request, sees_dunning


def dunning(request: HttpRequest) -> dict[str, Any]:
    """Add `dunning`, the `DunningStatus` for administrators of a provider that owes, else None.

    `is_suspended` is set for every user. No statement runs while nothing can be outstanding.
    """
    status = dunning_status_of_request(request, now=timezone.now())
    if not status.stage:
        return {"dunning": None, "is_suspended": False}
    return {
        "dunning": status if sees_dunning(getattr(request, "user", None)) else None,
        "is_suspended": status.is_suspended,
        "support_email": settings.SUPPORT_EMAIL,
    }
