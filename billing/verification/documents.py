"""An invoice's kept documents: the bytes against their hash, and against a new rendering."""

import hashlib

from billing.documents.fingerprint import fingerprint
from billing.documents.store import rendered
from billing.models import CreditNoteDocument, Invoice, InvoiceDocument
from billing.verification.differences import Verification


def verify_documents(invoice: Invoice, *, renders: bool, into: Verification) -> None:
    """Note each document that is not what was rendered, or would be rendered otherwise now."""
    kept = {document.format: document for document in invoice.documents.order_by("format")}
    for document_format in InvoiceDocument.Format:
        document = kept.get(document_format)
        where = f"invoice {invoice.number}, {document_format.label}"
        if document is None:
            into.remarks.append(f"{where} is not rendered yet.")
            continue
        into.checked["documents"] += 1
        content = bytes(document.content)
        into.compare(
            where, "SHA-256", expected=document.sha256, found=hashlib.sha256(content).hexdigest()
        )
        if not renders and document_format is InvoiceDocument.Format.PDF:
            continue
        if document.fingerprint != fingerprint(document_format):
            into.remarks.append(
                f"{where} was rendered with another layout version, renderer or site address: its "
                "bytes are kept and were not compared with a new rendering."
            )
            continue
        anew = rendered(
            document_format, invoice=invoice, lines=list(invoice.lines.order_by("position"))
        )
        into.checked["renderings"] += 1
        into.compare(
            where,
            "rendered again",
            expected=hashlib.sha256(anew).hexdigest(),
            found=hashlib.sha256(content).hexdigest(),
        )
    _verify_credit_notes(invoice, into=into)


def _verify_credit_notes(invoice: Invoice, *, into: Verification) -> None:
    for note in invoice.credit_notes.prefetch_related("lines").order_by("pk"):
        where = f"credit note {note.number}"
        into.checked["credit notes"] += 1
        into.compare(
            where,
            "subtotal in minor units",
            expected=sum(line.amount_minor for line in note.lines.all()),
            found=note.subtotal_minor,
        )
        document = CreditNoteDocument.objects.filter(credit_note=note).first()
        if document is None:
            into.remarks.append(f"{where} is not rendered yet.")
            continue
        found = hashlib.sha256(bytes(document.content)).hexdigest()
        into.compare(where, "SHA-256", expected=document.sha256, found=found)
