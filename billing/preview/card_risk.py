"""Whether the card on file will pay: what is known of it before it is charged."""

from dataclasses import dataclass
from datetime import date

from billing.models import ChargeAttempt, PaymentMethod

REFUSED = (ChargeAttempt.State.FAILED, ChargeAttempt.State.NEEDS_CONFIRMATION)


@dataclass(frozen=True, slots=True)
class CardOutlook:
    """The card on file, None without one, and why charging it is likely to fail, as sentences."""

    card: PaymentMethod | None
    risks: tuple[str, ...]


def card_outlook(*, charge_day: date) -> CardOutlook:
    """The default card, looked at as on the day it will be charged; in the provider's schema."""
    card = PaymentMethod.objects.current()
    if card is None:
        return CardOutlook(None, risks=())
    risks = [*_expiry(card, charge_day)]
    last = (
        ChargeAttempt.objects.filter(stripe_payment_method_id=card.stripe_payment_method_id)
        .order_by("-pk")
        .first()
    )
    if last is not None and last.state in REFUSED:
        said = last.failure_message or last.get_state_display()
        risks.append(f"The last charge of it, on {last.created_at:%-d %B %Y}, was refused: {said}")
    return CardOutlook(card, risks=tuple(risks))


def _expiry(card: PaymentMethod, charge_day: date) -> list[str]:
    """A card is good to the last day of the month on it."""
    expires = card.expiry_year, card.expiry_month
    on = f"{card.expiry_month:02d}/{card.expiry_year}"
    if expires < (charge_day.year, charge_day.month):
        return [f"It is good through {on} and will have expired by {charge_day:%-d %B %Y}."]
    if expires == (charge_day.year, charge_day.month):
        return [f"It expires in the month of the charge ({on}): a retry may come too late."]
    return []
