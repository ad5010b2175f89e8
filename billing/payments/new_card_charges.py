"""New-card charges: a new card is charged for its invoices (`billing.payments.charge_lists`).

The list of invoices (`billing.payments.card_invoices`) is fixed when the card becomes the default.
"""

from datetime import datetime

from billing import topics
from billing.models import PaymentMethod
from billing.payments import charge_lists
from billing.payments.charge_lists import ChargeList


def charges_of_card(card: PaymentMethod) -> ChargeList:
    """The invoices that a card pays since it is on file."""
    return ChargeList(
        card=card,
        invoice_ids=card.invoices_to_charge,
        cause=f"card:{card.pk}",
        topic=topics.NEW_CARD_CHARGES,
        payload={"card_id": card.pk},
    )


def start_new_card_charges(card: PaymentMethod, *, now: datetime) -> None:
    """Queue the charges of a card that became the default, in the running transaction."""
    charge_lists.start(charges_of_card(card), now=now)
