"""What the demo's bar on every page shows: the portal's time, or how far a journey is."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from mtp.travel import journey
from mtp.travel.destinations import Destination


def clock(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `demo_clock`, None where the clock can't be moved."""
    user = getattr(request, "user", None)
    if not journey.is_possible() or user is None or not user.is_authenticated:
        return {"demo_clock": None}
    return {
        "demo_clock": {
            "now": timezone.now(),
            "travel": journey.under_way(),
            "destinations": list(Destination),
        }
    }
