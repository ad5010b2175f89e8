"""What an invoice's page tells of its corrections, every value a text."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from billing.formatting import date_text, instant_text, short_date_text
from billing.models import CreditNote, Invoice, LineDispute, Payment, Refund
from billing.money import format_money


@dataclass(frozen=True, slots=True)
class NoteRow:
    """A credit note; its PDF is there soon after it was issued."""

    pk: int
    number: str
    issued: str
    reason: str
    amount: str


@dataclass(frozen=True, slots=True)
class RefundRow:
    """Money given back: to where, why, and how far it is."""

    at: str
    state: str
    state_text: str
    to: str
    reason: str
    amount: str


@dataclass(frozen=True, slots=True)
class DisputeRow:
    """A disputed line and what operations answered."""

    position: int
    line: str
    state: str
    state_text: str
    opened: str
    reason: str
    answer: str
    amount: str
    note_number: str


@dataclass(frozen=True, slots=True)
class Corrections:
    """Everything that happened to an invoice after issue; `told` are sentences above it all."""

    told: list[str]
    notes: list[NoteRow]
    refunds: list[RefundRow]
    disputes: list[DisputeRow]

    @classmethod
    def of(cls, invoice: Invoice) -> "Corrections":
        """Read them; `invoice` has its amounts."""
        zone = invoice.billing_zone()
        refunds = Refund.objects.filter(payment__invoice=invoice).select_related("payment")
        disputes = invoice.disputes.select_related("line", "credit_note")
        return cls(
            told=_told(invoice, zone),
            notes=[_note(note, zone) for note in invoice.credit_notes.order_by("-pk")],
            refunds=[_refund(refund, zone) for refund in refunds.order_by("-pk")],
            disputes=[_dispute(dispute, zone) for dispute in disputes.order_by("-pk")],
        )


def _told(invoice: Invoice, zone: ZoneInfo) -> list[str]:
    told = []
    if invoice.replaces is not None:
        told.append(f"This invoice takes the place of {invoice.replaces.number}, which is void.")
    if invoice.voided_at:
        day = date_text(invoice.voided_at.astimezone(zone).date())
        after = Invoice.objects.filter(replaces=invoice).first()
        place = f" {after.number} takes its place." if after else ""
        told.append(f"Void since {day}: {invoice.void_reason}{place}")
    if invoice.written_off_at and invoice.amounts.cancelled_minor:
        day = date_text(invoice.written_off_at.astimezone(zone).date())
        dropped = format_money(invoice.amounts.cancelled_minor, invoice.currency)
        told.append(f"Written off on {day}: {dropped} is asked for no more.")
    if invoice.amounts.overpaid_minor:
        surplus = format_money(invoice.amounts.overpaid_minor, invoice.currency)
        told.append(f"{surplus} more was paid than this invoice carries, and is to be refunded.")
    return told


def _note(note: CreditNote, zone: ZoneInfo) -> NoteRow:
    return NoteRow(
        pk=note.pk,
        number=note.number,
        issued=short_date_text(note.issued_at.astimezone(zone).date()),
        reason=note.reason,
        amount=format_money(note.total_minor, note.currency),
    )


def _refund(refund: Refund, zone: ZoneInfo) -> RefundRow:
    is_card = refund.payment.method == Payment.Method.CARD
    to = "The card that was charged" if is_card else "Your bank account"
    return RefundRow(
        at=instant_text(refund.finished_at or refund.ordered_at, zone),
        state=refund.state,
        state_text=refund.get_state_display(),
        to=f"{to}, reference {refund.reference}" if refund.reference else to,
        reason=refund.reason,
        amount=format_money(refund.amount_minor, refund.currency),
    )


def _dispute(dispute: LineDispute, zone: ZoneInfo) -> DisputeRow:
    opened = instant_text(dispute.opened_at, zone)
    return DisputeRow(
        position=dispute.line.position,
        line=dispute.line.organization_name or dispute.line.description,
        state=dispute.state,
        state_text=dispute.get_state_display(),
        opened=f"{opened}, by {dispute.opened_by_name}",
        reason=dispute.reason,
        answer=dispute.answer,
        amount=format_money(dispute.amount_minor, dispute.currency),
        note_number=dispute.credit_note.number if dispute.credit_note else "",
    )
