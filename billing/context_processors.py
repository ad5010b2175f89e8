"""What every page says about an outstanding balance."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from billing.standing_page import StandingPage
from billing.suspension import sees_standing, standing_of_request


def standing(request: HttpRequest) -> dict[str, Any]:
    """`standing`: a `StandingPage` for whoever works for a provider that owes, otherwise None.

    `is_suspended` is known to everybody. Costs no statement while nothing can be outstanding.
    """
    assessment = standing_of_request(request)
    if not assessment.standing:
        return {"standing": None, "is_suspended": False}
    is_told = sees_standing(getattr(request, "user", None))
    zone = request.provider.billing_time_zone  # type: ignore[attr-defined]
    page = StandingPage.of(assessment, billing_time_zone=zone) if is_told else None
    return {
        "standing": page,
        "is_suspended": assessment.is_suspended,
        "support_email": settings.SUPPORT_EMAIL,
    }
