"""The document of a credit note: its PDF, rendered once and stored with its SHA-256."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string

from billing.documents.frame import frame
from billing.documents.invoice_content import Party, customer_number, tax_text
from billing.documents.naming import names_to_number, with_number
from billing.documents.store import checked, store_once
from billing.documents.text_fitting import printable
from billing.formatting import date_text, month_text
from billing.models import CreditNote, CreditNoteDocument, CreditNoteLine
from billing.money import format_money

_LONGEST_LINE = 200


def credit_note_html(note: CreditNote) -> str:
    """The page that becomes the PDF; it depends only on the issued credit note and its invoice."""
    currency = note.currency
    number = f"no. {customer_number(note.invoice.number)}"
    parties = (("From", Party.of(note.seller)), ("Credit to", Party.of(note.buyer, number=number)))
    lines = list(note.lines.order_by("position").select_related("invoice_line"))
    numbered = names_to_number((line.description for line in lines), shown=[_shown])
    content = {
        "number": note.number,
        "invoice_number": note.invoice.number,
        "seller": parties[0][1],
        "buyer": parties[1][1],
        "facts": _facts(note, note.billing_zone()),
        "lines": [
            (_described(line, numbered), format_money(-line.amount_minor, currency))
            for line in lines
        ],
        "totals": _totals(note),
        "total": format_money(note.total_minor, currency),
        "reason": printable(note.reason, longest=500),
    }
    return render_to_string(
        "billing/documents/credit_note.html",
        {
            "content": content,
            "dated": note.issued_at.isoformat(timespec="seconds"),
            "parties": parties,
            **frame(note.buyer),
        },
    )


def _shown(description: str) -> str:
    return printable(description, longest=_LONGEST_LINE)


def _described(line: CreditNoteLine, numbered: frozenset[str]) -> str:
    """The description; with the organization's number where its name needs one."""
    billed = line.invoice_line
    organization_id = billed.organization_id if billed else line.organization_id
    has_one = organization_id is not None and line.description in numbered
    return with_number(_shown(line.description), f"no. {organization_id}" if has_one else "")


def _facts(note: CreditNote, zone: ZoneInfo) -> list[tuple[str, str]]:
    invoice = note.invoice
    issued = invoice.issued_at.astimezone(zone).date()
    facts = (
        ("Credit note number", note.number),
        ("Date of issue", date_text(note.issued_at.astimezone(zone).date())),
        ("For invoice", f"{invoice.number} of {date_text(issued)}"),
        ("Billing month", month_text(invoice.month)),
        ("Your purchase order", printable(str(note.buyer.get("purchase_order", "")))),
    )
    return [(name, value) for name, value in facts if value]


def _totals(note: CreditNote) -> list[tuple[str, str]]:
    total = format_money(-note.total_minor, note.currency)
    return [
        ("Subtotal", format_money(-note.subtotal_minor, note.currency)),
        (tax_text(note), format_money(-note.tax_minor, note.currency)),
        ("Total credited", f"{total} {note.currency}"),
    ]


def render_credit_note(*, note: CreditNote, now: datetime) -> None:
    """Render and store the PDF; does nothing if it is stored.

    Safe to repeat and to run concurrently: the first stored bytes are kept.
    """
    if CreditNoteDocument.objects.filter(credit_note=note).exists():
        return
    # Imported late: the renderer takes 40 MB and half a second, and no web process renders.
    from billing.documents.rendering import pdf_of  # noqa: PLC0415

    content = pdf_of(html=credit_note_html(note), identifier=note.number)
    store_once(CreditNoteDocument(credit_note=note), content=content, now=now)


def credit_note_document(*, note: CreditNote) -> CreditNoteDocument:
    """The stored PDF, checked. Raises `DocumentNotReady` or `DocumentDamaged`."""
    stored = CreditNoteDocument.objects.filter(credit_note=note).first()
    return checked(stored, name=f"PDF of credit note {note.number}")


def credit_note_bytes(*, document_id: int) -> bytes:
    """The bytes of a stored PDF, checked. Raises `DocumentDamaged`."""
    stored = CreditNoteDocument.objects.select_related("credit_note").get(pk=document_id)
    return bytes(checked(stored, name=f"PDF of credit note {stored.credit_note.number}").content)


def documents_of(notes: Sequence[CreditNote]) -> dict[int, CreditNoteDocument]:
    """The stored documents of these credit notes, without their bytes, by the note's id."""
    stored = CreditNoteDocument.objects.filter(credit_note__in=notes).defer("content")
    return {document.credit_note_id: document for document in stored}
