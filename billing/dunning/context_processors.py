"""The outstanding balance, for the banner of every page."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from accounts.roles import Permission
from billing.dunning.suspension import dunning_status_of_request, sees_dunning

# People named where a role does not see payment information.
MOST_NAMED = 3


def dunning(request: HttpRequest) -> dict[str, Any]:
    """Add `dunning`, the `DunningStatus` for administrators of a provider that owes, else None.

    `is_suspended` is set for every user, `billing_people` for those who see neither amounts nor
    invoice numbers: the page names whom to ask. No statement runs while nothing can be outstanding.
    """
    status = dunning_status_of_request(request, now=timezone.now())
    if not status.stage:
        return {"dunning": None, "is_suspended": False}
    user = getattr(request, "user", None)
    shown: dict[str, Any] = {
        "dunning": status if sees_dunning(user) else None,
        "is_suspended": status.is_suspended,
        "sees_amounts": isinstance(user, User) and user.may(Permission.VIEW_BILLING),
        "billing_people": (),
        "billing_email": settings.SELLER["email"],
    }
    # `dunning` is set for a login of a provider only.
    if shown["dunning"] and not shown["sees_amounts"] and user is not None and user.provider:
        payers = User.objects.who_may(Permission.CHANGE_BILLING, provider=user.provider)
        shown["billing_people"] = payers[:MOST_NAMED]
    return shown
