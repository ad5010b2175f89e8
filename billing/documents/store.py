"""Stored documents: rendered once, and delivered only if the bytes are unchanged."""

import hashlib
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import TypeVar

from django.conf import settings
from django.db import transaction

from billing import topics
from billing.charge_limits import fits_a_card
from billing.documents.fingerprint import fingerprint
from billing.documents.invoice_csv import invoice_csv
from billing.models import (
    ContractDocument,
    CreditNoteDocument,
    Invoice,
    InvoiceDocument,
    InvoiceLine,
    PaymentReceipt,
    StatementDocument,
)
from billing.payment_links import link_in_documents
from core.outbox.delivery import enqueue
from core.schema import require_provider_schema

logger = logging.getLogger(__name__)
Format = InvoiceDocument.Format
Stored = TypeVar(
    "Stored",
    InvoiceDocument,
    CreditNoteDocument,
    ContractDocument,
    PaymentReceipt,
    StatementDocument,
)


class DocumentNotReady(Exception):
    """The document has not been rendered yet."""


class DocumentDamaged(Exception):
    """The stored bytes have changed since rendering: their SHA-256 differs."""


class BeforeCutoff(Exception):
    """The invoice was issued before the portal stored documents."""


def request_documents(*, invoice: Invoice, now: datetime) -> None:
    """Queue the rendering of an invoice's documents, once."""
    enqueue(
        topic=topics.DOCUMENTS,
        key=f"invoice:{invoice.pk}",
        payload={"invoice_id": invoice.pk},
        now=now,
    )


def render_documents(*, invoice: Invoice, now: datetime) -> None:
    """Render and store the documents that are not stored yet.

    Safe to repeat and to run concurrently: the first stored bytes are kept.
    """
    stored = set(invoice.documents.values_list("format", flat=True))
    missing = [document_format for document_format in Format if document_format not in stored]
    if not missing:
        return
    for document_format in missing:
        row = InvoiceDocument(
            invoice=invoice, format=document_format, fingerprint=fingerprint(document_format)
        )
        if document_format is Format.CSV:
            with transaction.atomic():
                # Only the CSV names users: an erasure waits here, and renders it again.
                Invoice.objects.select_for_update(no_key=True).get(pk=invoice.pk)
                store_once(row, content=_rendered_now(row), now=now)
        else:
            store_once(row, content=_rendered_now(row), now=now)


def _rendered_now(row: InvoiceDocument) -> bytes:
    lines = list(row.invoice.lines.order_by("position"))
    return rendered(Format(row.format), invoice=row.invoice, lines=lines)


def render_csv_again(*, invoice: Invoice, now: datetime) -> None:
    """Replace the stored CSV, after names in the invoice's lines were erased; the PDF has none.

    A damaged one is logged as an error for operations. Nothing is done before the first rendering.
    The caller holds the invoice's lock.
    """
    row = invoice.documents.filter(format=Format.CSV).first()
    if row is None:
        return
    row.invoice = invoice
    with suppress(DocumentDamaged):
        checked(row, name=f"csv of invoice {invoice.number}")
    row.content, row.rendered_at = _rendered_now(row), now
    row.sha256 = hashlib.sha256(row.content).hexdigest()
    row.fingerprint = fingerprint(Format.CSV)
    row.save(update_fields=["content", "sha256", "fingerprint", "rendered_at"])


def rendered(document_format: Format, *, invoice: Invoice, lines: Sequence[InvoiceLine]) -> bytes:
    """Render a document of an invoice; stores nothing."""
    if document_format is Format.CSV:
        return invoice_csv(invoice=invoice, lines=lines)
    # Imported late: the renderer takes 40 MB and half a second, and no web process renders.
    from billing.documents.invoice_pdf import invoice_pdf  # noqa: PLC0415

    return invoice_pdf(invoice=invoice, lines=lines, pay_url=pay_url(invoice))


def pay_url(invoice: Invoice) -> str:
    """The address at which a card can pay what the invoice asks for; empty if none can."""
    is_payable = fits_a_card(invoice.payable_at_issue_minor, invoice.currency)
    return link_in_documents(invoice) if is_payable else ""


def store_once(row: Stored, *, content: bytes, now: datetime) -> None:
    """Store rendered bytes with their SHA-256, unless another process has stored them first."""
    row.content, row.rendered_at = content, now
    row.sha256 = hashlib.sha256(content).hexdigest()
    type(row).objects.bulk_create([row], ignore_conflicts=True)


def document(*, invoice: Invoice, format: str) -> InvoiceDocument:  # noqa: A002 - the field's name
    """The stored document, checked; never renders.

    Raises `BeforeCutoff`, `DocumentNotReady` or `DocumentDamaged`.
    """
    if is_before_cutoff(invoice):
        raise BeforeCutoff
    stored = invoice.documents.filter(format=format).first()
    return checked(stored, name=f"{format} of invoice {invoice.number}")


def document_bytes(*, document_id: int) -> bytes:
    """The bytes of a stored document, checked. Raises `DocumentDamaged`."""
    stored = InvoiceDocument.objects.select_related("invoice").get(pk=document_id)
    return bytes(
        checked(stored, name=f"{stored.format} of invoice {stored.invoice.number}").content
    )


def checked(stored: Stored | None, *, name: str) -> Stored:
    """The stored document, if its bytes are those that were rendered.

    Raises `DocumentNotReady` for None, and `DocumentDamaged`, which is logged as an error for
    operations.
    """
    if stored is None:
        raise DocumentNotReady
    stored.content = content = bytes(stored.content)
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != stored.sha256:
        logger.error(
            "The %s in %s is damaged: SHA-256 is %s and was %s when rendered.",
            name,
            require_provider_schema(),
            sha256,
            stored.sha256,
        )
        raise DocumentDamaged(f"The stored {name} is not the one rendered.")
    return stored


def cutoff_date() -> date:
    """The first day (setting INVOICE_DOWNLOAD_CUTOFF) whose invoices can be downloaded."""
    return date.fromisoformat(settings.INVOICE_DOWNLOAD_CUTOFF)


def is_before_cutoff(invoice: Invoice) -> bool:
    """Whether the invoice was issued before the cut-off, by the date in its billing zone."""
    return invoice.issued_on < cutoff_date()
