"""A card on file that is about to expire: shown on its page, and mailed once."""

from calendar import monthrange
from datetime import date, datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import transaction

from accounts.models import Provider
from billing.customer.contact_mail import mail_contacts
from billing.formatting import date_text, local_date
from billing.models import PaymentMethod


class Expiry(StrEnum):
    """How far a card is from its last day."""

    FAR = "far"
    NEAR = "near"
    OVER = "over"


def last_day(card: PaymentMethod) -> date:
    """The last day on which the card is good: its month's."""
    year, month = card.expiry_year, card.expiry_month
    return date(year, month, monthrange(year, month)[1])


def expiry_of(card: PaymentMethod, *, today: date) -> Expiry:
    """NEAR from CARD_EXPIRY_NOTICE_DAYS before the last day on; OVER from the day after it."""
    left = last_day(card) - today
    if left < timedelta(0):
        return Expiry.OVER
    is_near = left <= timedelta(days=settings.CARD_EXPIRY_NOTICE_DAYS)
    return Expiry.NEAR if is_near else Expiry.FAR


@transaction.atomic
def warn_of_expiry(*, provider: Provider, now: datetime) -> bool:
    """Mail the billing contacts that the card on file expires, or has; once for each card.

    Days that were missed are caught up. Dates are those of the billing zone. Gives whether a mail
    was queued.
    """
    unwarned = PaymentMethod.objects.filter(replaced_at=None, expiry_mailed_at=None)
    card = unwarned.select_for_update().first()
    if card is None:
        return False
    expiry = expiry_of(card, today=local_date(now, provider.billing_zone()))
    if expiry is Expiry.FAR:
        return False
    card.expiry_mailed_at = now
    card.save(update_fields=["expiry_mailed_at"])
    has_expired = expiry is Expiry.OVER
    mail_contacts(
        "card_expiring",
        key=f"card-expiring:{card.pk}",
        subject=f"Your {card} {'has expired' if has_expired else 'expires soon'}",
        provider=provider,
        context={
            "card": str(card),
            "last_day": date_text(last_day(card)),
            "has_expired": has_expired,
        },
        now=now,
    )
    return True
