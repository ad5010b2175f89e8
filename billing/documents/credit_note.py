"""A credit note as a document: its PDF, rendered once, kept as bytes with their SHA-256."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string

from billing.documents.invoice_content import Party, rate_text
from billing.documents.store import DocumentNotReady, checked
from billing.documents.text_fitting import printable
from billing.formatting import date_text, month_text
from billing.models import CreditNote, CreditNoteDocument
from billing.money import format_money


@dataclass(frozen=True, slots=True)
class CreditNoteContent:
    """One credit note, ready to be set: every value a text."""

    number: str
    invoice_number: str
    issued_at: str
    seller: Party
    buyer: Party
    facts: tuple[tuple[str, str], ...]
    lines: tuple[tuple[str, str], ...]
    totals: tuple[tuple[str, str], ...]
    total: str
    reason: str


def credit_note_content(note: CreditNote) -> CreditNoteContent:
    """What the document says, from the issued snapshot and nothing else."""
    zone = note.billing_zone()
    currency = note.currency
    return CreditNoteContent(
        number=note.number,
        invoice_number=note.invoice.number,
        issued_at=note.issued_at.isoformat(timespec="seconds"),
        seller=Party.of(note.seller),
        buyer=Party.of(note.buyer),
        facts=_facts(note, zone),
        lines=tuple(
            (printable(line.description, longest=200), format_money(-line.amount_minor, currency))
            for line in note.lines.order_by("position")
        ),
        totals=_totals(note),
        total=format_money(note.total_minor, currency),
        reason=printable(note.reason, longest=500),
    )


def _facts(note: CreditNote, zone: ZoneInfo) -> tuple[tuple[str, str], ...]:
    invoice = note.invoice
    issued = invoice.issued_at.astimezone(zone).date()
    facts = (
        ("Credit note number", note.number),
        ("Date of issue", date_text(note.issued_at.astimezone(zone).date())),
        ("For invoice", f"{invoice.number} of {date_text(issued)}"),
        ("Billing month", month_text(invoice.month)),
        ("Your purchase order", printable(str(note.buyer.get("purchase_order", "")))),
    )
    return tuple((name, value) for name, value in facts if value)


def _totals(note: CreditNote) -> tuple[tuple[str, str], ...]:
    totals = [("Subtotal", format_money(-note.subtotal_minor, note.currency))]
    if note.tax_minor or note.tax_rate:
        name = f"{printable(note.tax_name) or 'Tax'} ({rate_text(note.tax_rate)} %)"
        totals.append((name, format_money(-note.tax_minor, note.currency)))
    total = format_money(-note.total_minor, note.currency)
    return (*totals, ("Total credited", f"{total} {note.currency}"))


def credit_note_html(note: CreditNote) -> str:
    """The page that becomes the PDF."""
    sheet = credit_note_content(note)
    parties = (("From", sheet.seller), ("Credit to", sheet.buyer))
    return render_to_string(
        "billing/documents/credit_note.html", {"sheet": sheet, "parties": parties}
    )


def render_credit_note(*, note: CreditNote, now: datetime) -> None:
    """Render the PDF where it is not there yet and store it with its SHA-256.

    Safe to run twice and by two workers at once: the first stored bytes stay, for good.
    """
    if CreditNoteDocument.objects.filter(credit_note=note).exists():
        return
    # A web process never renders, and the renderer takes 40 MB and half a second to load.
    from billing.documents.rendering import pdf_of  # noqa: PLC0415

    content = pdf_of(html=credit_note_html(note), identifier=note.number)
    CreditNoteDocument.objects.bulk_create(
        [
            CreditNoteDocument(
                credit_note=note,
                content=content,
                sha256=hashlib.sha256(content).hexdigest(),
                rendered_at=now,
            )
        ],
        ignore_conflicts=True,
    )


def credit_note_document(*, note: CreditNote) -> CreditNoteDocument:
    """The stored PDF, its bytes checked. Raises `DocumentNotReady` and `DocumentDamaged`."""
    kept = CreditNoteDocument.objects.filter(credit_note=note).first()
    if kept is None:
        raise DocumentNotReady
    kept.content = _checked(kept, number=note.number)
    return kept


def credit_note_bytes(*, document_id: int) -> bytes:
    """The stored bytes for a mail, checked like a download's. Raises `DocumentDamaged`."""
    kept = CreditNoteDocument.objects.select_related("credit_note").get(pk=document_id)
    return _checked(kept, number=kept.credit_note.number)


def _checked(kept: CreditNoteDocument, *, number: str) -> bytes:
    return checked(bytes(kept.content), sha256=kept.sha256, what=f"PDF of credit note {number}")


def documents_of(notes: Sequence[CreditNote]) -> dict[int, CreditNoteDocument]:
    """What is stored of these notes, without the bytes, by the note's id."""
    kept = CreditNoteDocument.objects.filter(credit_note__in=notes).defer("content")
    return {document.credit_note_id: document for document in kept}
