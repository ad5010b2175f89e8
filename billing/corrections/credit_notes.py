"""Issue of credit notes: numbered without gaps, with a copy of everything that they state."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Sum

from accounts.providers import current_provider
from billing import topics
from billing.corrections.credit_amounts import Split
from billing.invoicing.numbering import CREDIT_NOTE_NUMBERS, register, take_numbers
from billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from billing.money import format_money
from billing.rating.rate_month import LineDraft
from core.actors import Actor
from core.outbox.delivery import enqueue
from tenants import audit

COPIED_FROM_INVOICE = (
    "currency", "tax_name", "tax_rate", "billing_time_zone", "seller", "buyer",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NoteLine:
    """A line of a note to issue, in minor units before tax; `line` is the credited invoice line.

    `adjustment` is the usage adjustment that it credits in place of an invoice.
    """

    description: str
    amount_minor: int
    line: InvoiceLine | None = None
    adjustment: LineDraft | None = None


def split_of(invoice: Invoice) -> Split:
    """Return the invoice's issued amounts."""
    return Split(subtotal_minor=invoice.subtotal_minor, tax_minor=invoice.tax_minor)


def credited_split(invoice: Invoice) -> Split:
    """Return the sum of the invoice's credit notes."""
    sums = invoice.credit_notes.aggregate(subtotal=Sum("subtotal_minor"), tax=Sum("tax_minor"))
    return Split(subtotal_minor=sums["subtotal"] or 0, tax_minor=sums["tax"] or 0)


def issue_note(
    *,
    invoice: Invoice,
    split: Split,
    note_lines: Sequence[NoteLine],
    reason: str,
    actor: Actor,
    now: datetime,
) -> CreditNote:
    """Issue a note of the locked invoice in the running transaction; queue its PDF and mail.

    The number is taken in this transaction: a rollback leaves no gap. `split` comes from
    `credit_amounts`, which checks it against what can still be credited.
    """
    number = take_numbers(name=CREDIT_NOTE_NUMBERS, count=1)
    note = CreditNote.objects.create(
        number=f"{current_provider().invoice_prefix}-CN-{number:06d}",
        invoice=invoice,
        **{name: getattr(invoice, name) for name in COPIED_FROM_INVOICE},
        subtotal_minor=split.subtotal_minor,
        tax_minor=split.tax_minor,
        total_minor=split.total_minor,
        reason=reason,
        issued_at=now,
        issued_by_id=actor.id,
        issued_by_name=actor.name[:200],
    )
    register(series=CREDIT_NOTE_NUMBERS, first=number, documents=[note])
    CreditNoteLine.objects.bulk_create(
        CreditNoteLine(
            credit_note=note,
            position=position,
            invoice_line=line.line,
            description=line.description[:500],
            amount_minor=line.amount_minor,
            **_adjusted(line.adjustment),
        )
        for position, line in enumerate(note_lines, start=1)
    )
    payload = {"credit_note_id": note.pk}
    enqueue(topic=topics.CREDIT_NOTE, key=f"credit_note:{note.pk}", payload=payload, now=now)
    audit.record(
        actor=actor,
        action="credit_note.issued",
        subject=note.number,
        subject_id=note.pk,
        after={
            "invoice": invoice.number,
            "amount": format_money(note.total_minor, note.currency),
            "reason": reason,
        },
        now=now,
    )
    return note


def _adjusted(adjustment: LineDraft | None) -> dict[str, Any]:
    if adjustment is None:
        return {}
    return {
        "adjusted_month": adjustment.adjusted_month,
        "organization_id": adjustment.organization_id,
        "quantity": -adjustment.quantity,
    }
