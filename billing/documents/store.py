"""An invoice's documents as kept: rendered once, and handed out only as they were rendered."""

import hashlib
import logging
from collections.abc import Sequence
from datetime import date, datetime

from django.conf import settings

from billing import topics
from billing.documents.fingerprint import fingerprint
from billing.documents.invoice_csv import invoice_csv
from billing.models import Invoice, InvoiceDocument, InvoiceLine
from core.outbox.delivery import enqueue
from core.schema import require_provider_schema

logger = logging.getLogger(__name__)
Format = InvoiceDocument.Format


class DocumentNotReady(Exception):
    """The invoice is issued and its documents are still to be rendered."""


class DocumentDamaged(Exception):
    """The stored bytes are not those that were rendered: their SHA-256 is another one."""


class BeforeCutoff(Exception):
    """The invoice is of a time whose documents are not kept here."""


def request_documents(*, invoice: Invoice, now: datetime) -> None:
    """Have a worker render the documents; a second order of the same invoice is none."""
    enqueue(
        topic=topics.DOCUMENTS,
        key=f"invoice:{invoice.pk}",
        payload={"invoice_id": invoice.pk},
        now=now,
    )


def render_documents(*, invoice: Invoice, now: datetime) -> None:
    """Render what is not there yet and store it with its SHA-256.

    Safe to run twice and by two workers at once: the first stored bytes stay, for good.
    """
    kept = set(invoice.documents.values_list("format", flat=True))
    missing = [document_format for document_format in Format if document_format not in kept]
    if not missing:
        return
    lines = list(invoice.lines.order_by("position"))
    for document_format in missing:
        content = rendered(document_format, invoice=invoice, lines=lines)
        InvoiceDocument.objects.bulk_create(
            [
                InvoiceDocument(
                    invoice=invoice,
                    format=document_format,
                    content=content,
                    sha256=hashlib.sha256(content).hexdigest(),
                    fingerprint=fingerprint(document_format),
                    rendered_at=now,
                )
            ],
            ignore_conflicts=True,
        )


def rendered(document_format: Format, *, invoice: Invoice, lines: Sequence[InvoiceLine]) -> bytes:
    """The document's bytes as this process makes them; stores nothing."""
    if document_format is Format.CSV:
        return invoice_csv(invoice=invoice, lines=lines)
    # A web process never renders, and the renderer takes 40 MB and half a second to load.
    from billing.documents.invoice_pdf import invoice_pdf  # noqa: PLC0415

    return invoice_pdf(invoice=invoice, lines=lines)


def document(*, invoice: Invoice, format: str) -> InvoiceDocument:  # noqa: A002 - the field's name
    """The stored document, its bytes checked against their SHA-256.

    Raises `BeforeCutoff`, `DocumentNotReady`, and `DocumentDamaged`, which is logged as an error
    for operations to look at. Never renders.
    """
    if is_before_cutoff(invoice):
        raise BeforeCutoff
    kept = invoice.documents.filter(format=format).first()
    if kept is None:
        raise DocumentNotReady
    kept.content = _checked(kept, number=invoice.number)
    return kept


def document_bytes(*, document_id: int) -> bytes:
    """The stored bytes for a mail, checked like a download's. Raises `DocumentDamaged`."""
    kept = InvoiceDocument.objects.select_related("invoice").get(pk=document_id)
    return _checked(kept, number=kept.invoice.number)


def _checked(kept: InvoiceDocument, *, number: str) -> bytes:
    return checked(
        bytes(kept.content), sha256=kept.sha256, what=f"{kept.format} of invoice {number}"
    )


def checked(content: bytes, *, sha256: str, what: str) -> bytes:
    """The stored bytes of a document, if they are those that were rendered.

    Raises `DocumentDamaged`, which is logged as an error for operations to look at.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        logger.error(
            "The %s in %s is damaged: SHA-256 is %s and was %s when rendered.",
            what,
            require_provider_schema(),
            found,
            sha256,
        )
        raise DocumentDamaged(f"The stored {what} is not the one rendered.")
    return content


def cutoff_date() -> date:
    """The first day (setting INVOICE_DOWNLOAD_CUTOFF) whose invoices can be downloaded."""
    return date.fromisoformat(settings.INVOICE_DOWNLOAD_CUTOFF)


def is_before_cutoff(invoice: Invoice) -> bool:
    """Whether the invoice was finalized before the cut-off, by the date in its billing zone."""
    finalized = invoice.issued_at.astimezone(invoice.billing_zone()).date()
    return finalized < cutoff_date()
