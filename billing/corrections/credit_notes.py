"""A credit note comes to be: numbered without gaps, everything it says copied onto it for good."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Sum

from accounts.providers import current_provider
from billing import topics
from billing.corrections.credit_amounts import Split
from billing.invoicing.numbering import take_numbers
from billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from billing.money import format_money
from core.actors import Actor
from core.outbox.delivery import enqueue
from tenants import audit

CREDIT_NOTE_NUMBERS = "credit_note"


@dataclass(frozen=True, slots=True)
class Taken:
    """A line of a note to be issued, before tax; `line` where it takes back one of the invoice."""

    description: str
    amount_minor: int
    line: InvoiceLine | None = None


def split_of(invoice: Invoice) -> Split:
    """The invoice as issued, before tax and tax."""
    return Split(subtotal_minor=invoice.subtotal_minor, tax_minor=invoice.tax_minor)


def credited_split(invoice: Invoice) -> Split:
    """What its credit notes took back so far."""
    sums = invoice.credit_notes.aggregate(subtotal=Sum("subtotal_minor"), tax=Sum("tax_minor"))
    return Split(subtotal_minor=sums["subtotal"] or 0, tax_minor=sums["tax"] or 0)


def issue_note(
    *,
    invoice: Invoice,
    split: Split,
    taken: Sequence[Taken],
    reason: str,
    actor: Actor,
    now: datetime,
) -> CreditNote:
    """Issue a note of the locked invoice in the running transaction; its PDF and mail follow.

    The number is taken here and nowhere earlier: a transaction that is rolled back leaves no gap.
    `split` comes from `credit_amounts`, which goes no further than what the invoice carries.
    """
    note = _numbered(invoice, split, reason=reason, actor=actor, now=now)
    CreditNoteLine.objects.bulk_create(
        CreditNoteLine(
            credit_note=note,
            position=position,
            invoice_line=line.line,
            description=line.description[:500],
            amount_minor=line.amount_minor,
        )
        for position, line in enumerate(taken, start=1)
    )
    enqueue(
        topic=topics.CREDIT_NOTE,
        key=f"credit_note:{note.pk}",
        payload={"credit_note_id": note.pk},
        now=now,
    )
    _log(note, actor=actor, now=now)
    return note


def _numbered(
    invoice: Invoice, split: Split, *, reason: str, actor: Actor, now: datetime
) -> CreditNote:
    number = take_numbers(name=CREDIT_NOTE_NUMBERS, count=1)
    return CreditNote.objects.create(
        number=f"{current_provider().invoice_prefix}-CN-{number:06d}",
        invoice=invoice,
        currency=invoice.currency,
        subtotal_minor=split.subtotal_minor,
        tax_name=invoice.tax_name,
        tax_rate=invoice.tax_rate,
        tax_minor=split.tax_minor,
        total_minor=split.total_minor,
        reason=reason,
        issued_at=now,
        billing_time_zone=invoice.billing_time_zone,
        seller=invoice.seller,
        buyer=invoice.buyer,
        issued_by_id=actor.id,
        issued_by_name=actor.name[:200],
    )


def _log(note: CreditNote, *, actor: Actor, now: datetime) -> None:
    audit.record(
        actor=actor,
        action="credit_note.issued",
        subject=note.number,
        after={
            "invoice": note.invoice.number,
            "amount": format_money(note.total_minor, note.currency),
            "reason": note.reason,
        },
        now=now,
    )
