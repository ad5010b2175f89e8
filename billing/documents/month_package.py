"""The month package: all documents of a billing month's invoices as one ZIP file.

It holds stored bytes only, a few of them each month, so no worker has to build it.
"""

import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime

from billing.documents import store
from billing.documents.credit_note import credit_note_document
from billing.documents.receipt import (
    payments_with_receipt,
    receipt_of,
    receipt_reference,
    request_receipt,
)
from billing.models import Invoice, InvoiceDocument


class NoDocuments(Exception):
    """The month has no invoice that can be downloaded."""


def month_package(*, month: date, now: datetime) -> bytes:
    """PDF and CSV of each invoice of the month, its receipts and credit notes; always the same.

    Raises `NoDocuments`, `DocumentDamaged`, or `DocumentNotReady` after queuing what is missing.
    """
    invoices = [
        invoice
        for invoice in Invoice.objects.filter(month=month).order_by("pk")
        if not store.is_before_cutoff(invoice)
    ]
    if not invoices:
        raise NoDocuments
    file, missing = io.BytesIO(), False
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for invoice in invoices:
            try:
                for name, content in _documents(invoice, now=now):
                    archive.writestr(_entry(name, invoice), content)
            except store.DocumentNotReady:
                missing = True
    if missing:
        raise store.DocumentNotReady
    return file.getvalue()


def _entry(name: str, invoice: Invoice) -> zipfile.ZipInfo:
    """An entry with the date of issue: the clock would make each download another file."""
    day = invoice.issued_on
    entry = zipfile.ZipInfo(name, (day.year, day.month, day.day, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _documents(invoice: Invoice, *, now: datetime) -> Iterator[tuple[str, bytes]]:
    """Names and checked bytes; queues the documents that are missing before it raises."""
    try:
        for each in InvoiceDocument.Format:
            stored = store.document(invoice=invoice, format=each)
            yield f"{invoice.number}.{each}", bytes(stored.content)
    except store.DocumentNotReady:
        store.request_documents(invoice=invoice, now=now)
        raise
    for payment in payments_with_receipt(invoice.payments.order_by("pk")):
        payment.invoice = invoice
        try:
            receipt = receipt_of(payment=payment)
        except store.DocumentNotReady:
            request_receipt(payment=payment, now=now)
            raise
        yield f"receipt-{receipt_reference(payment)}.pdf", bytes(receipt.content)
    for note in invoice.credit_notes.order_by("pk"):
        yield f"{note.number}.pdf", bytes(credit_note_document(note=note).content)
