"""The outstanding balance, for the banner of every page."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from accounts.roles import Permission
from billing.charge_limits import fits_a_card
from billing.dunning.stages import DunningStatus
from billing.dunning.suspension import dunning_status_of_request, sees_dunning
from billing.models import PaymentMethod


def dunning(request: HttpRequest) -> dict[str, Any]:
    """Add `dunning`, the `DunningStatus` for administrators of a provider that owes, else None.

    `is_suspended` is set for every user, `may_pay_all` for those who may change the payment method,
    `billing_people` for those who see neither amounts nor
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
        "may_pay_all": False,
        "billing_email": settings.SELLER["email"],
    }
    if shown["dunning"] and isinstance(user, User) and user.may(Permission.CHANGE_BILLING):
        shown["may_pay_all"] = _can_be_charged(status)
    # `dunning` is set for a login of a provider only.
    if shown["dunning"] and not shown["sees_amounts"] and user is not None and user.provider:
        shown["billing_people"] = User.objects.whom_to_ask(
            Permission.CHANGE_BILLING, provider=user.provider
        )
    return shown


def _can_be_charged(status: DunningStatus) -> bool:
    """Whether a card is on file, and one of the debts fits a card."""
    fits = any(fits_a_card(debt.owed_minor, debt.currency) for debt in status.debts)
    return fits and PaymentMethod.objects.current() is not None
