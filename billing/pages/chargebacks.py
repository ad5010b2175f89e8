"""An invoice's chargebacks as its page shows them, every value a text."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from billing.formatting import short_date_text
from billing.models import Chargeback, Invoice
from billing.money import format_money

State = Chargeback.State

_MEANS = {
    State.OPEN: "Your bank has not decided yet. Until then the payment counts.",
    State.WON: "The payment stays.",
    State.LOST: "Owed again; your card is not charged for it.",
}


@dataclass(frozen=True, slots=True)
class ChargebackRow:
    """One dispute of a payment, and what it means for the invoice."""

    at: str
    decided_at: str
    reason: str
    state: str
    state_text: str
    means: str
    amount: str


def chargeback_rows(invoice: Invoice) -> list[ChargebackRow]:
    """The invoice's chargebacks, newest first; one statement."""
    zone = invoice.billing_zone()
    found = Chargeback.objects.filter(payment__invoice=invoice).order_by("-opened_at", "-pk")
    return [_row(chargeback, zone) for chargeback in found]


def _row(chargeback: Chargeback, zone: ZoneInfo) -> ChargebackRow:
    return ChargebackRow(
        at=_date(chargeback.opened_at, zone),
        decided_at=_date(chargeback.closed_at, zone) if chargeback.closed_at else "",
        reason=chargeback.reason.capitalize(),
        state=chargeback.state,
        state_text=chargeback.get_state_display(),
        means=_MEANS[State(chargeback.state)],
        amount=format_money(chargeback.amount_minor, chargeback.currency),
    )


def _date(at: datetime, zone: ZoneInfo) -> str:
    return short_date_text(at.astimezone(zone).date())
