"""Downloads of an invoice: the stored bytes, or a page with the reason why there are none."""

from http import HTTPStatus

from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.downloads import table_download
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.documents import store
from billing.documents.credit_note import credit_note_document
from billing.documents.month_package import NoDocuments, month_package
from billing.documents.receipt import (
    TakenBack,
    receipt_of,
    receipt_reference,
    request_receipt,
)
from billing.documents.stored_csv import stored_table
from billing.models import CreditNote, Invoice, InvoiceDocument, Payment
from billing.pages.access import invoice_or_404
from billing.views.stored_documents import stored_document
from core.audit import looked_at
from usage.views.scoped import begun_month

Format = InvoiceDocument.Format
CONTENT_TYPES = {Format.PDF: "application/pdf", Format.CSV: "text/csv; charset=utf-8"}
SECONDS_TO_REFRESH = 3


@requires(Permission.VIEW_BILLING)
@require_safe
def invoice_pdf(request: PortalRequest, invoice_id: int) -> HttpResponse:
    """The invoice's PDF as issued."""
    return _download(request, invoice_id=invoice_id, document_format=Format.PDF)


@requires(Permission.VIEW_BILLING)
@require_safe
def invoice_csv(request: PortalRequest, invoice_id: int) -> HttpResponseBase:
    """The invoice's CSV as issued; with `?format=`, its table in that format."""
    response = _download(request, invoice_id=invoice_id, document_format=Format.CSV)
    if "format" not in request.GET or response.status_code != HTTPStatus.OK:
        return response
    header, rows = stored_table(response.content)
    name = invoice_or_404(invoice_id=invoice_id).number
    return table_download(request, name=name, header=header, rows=rows)


@requires(Permission.VIEW_BILLING)
@require_safe
def credit_note_pdf(request: PortalRequest, invoice_id: int, note_id: int) -> HttpResponse:
    """A credit note's PDF as issued."""
    invoice = invoice_or_404(invoice_id=invoice_id)
    note = get_object_or_404(CreditNote, pk=note_id, invoice=invoice)
    try:
        document = credit_note_document(note=note)
    except store.DocumentDamaged:
        return _unavailable(request, note, reason="damaged", status=HTTPStatus.CONFLICT)
    except store.DocumentNotReady:
        return _preparing(request, note)
    return stored_document(
        request, document, name=f"{note.number}.pdf", content_type=CONTENT_TYPES[Format.PDF]
    )


@requires(Permission.VIEW_BILLING)
@require_safe
def receipt_pdf(request: PortalRequest, invoice_id: int, payment_id: int) -> HttpResponse:
    """The receipt of a payment; 404 for one that the bank took back."""
    invoice = invoice_or_404(invoice_id=invoice_id)
    payment = get_object_or_404(Payment, pk=payment_id, invoice=invoice)
    payment.invoice = invoice
    if store.is_before_cutoff(invoice):
        return _unavailable(request, invoice, reason="before_cutoff", status=HTTPStatus.GONE)
    try:
        receipt = receipt_of(payment=payment)
    except TakenBack as error:
        raise Http404 from error
    except store.DocumentDamaged:
        return _unavailable(request, invoice, reason="damaged", status=HTTPStatus.CONFLICT)
    except store.DocumentNotReady:
        request_receipt(payment=payment, now=timezone.now())
        return _preparing(request, invoice)
    name = f"receipt-{receipt_reference(payment)}.pdf"
    return stored_document(request, receipt, name=name, content_type=CONTENT_TYPES[Format.PDF])


@requires(Permission.VIEW_BILLING)
@require_safe
def month_zip(request: PortalRequest, month: str) -> HttpResponse:
    """All documents of a billing month's invoices in one ZIP file; 404 for a month without any."""
    now = timezone.now()
    first_day = begun_month(month, now=now, zone=request.provider.billing_zone()).first_day
    first = Invoice.objects.filter(month=first_day).order_by("pk").first()
    if first is None:
        raise Http404
    try:
        content = month_package(month=first_day, now=now)
    except NoDocuments:
        return _unavailable(request, first, reason="before_cutoff", status=HTTPStatus.GONE)
    except store.DocumentDamaged:
        return _unavailable(request, first, reason="damaged", status=HTTPStatus.CONFLICT)
    except store.DocumentNotReady:
        return _preparing(request, first)
    name = f"{request.provider.invoice_prefix}-{first_day:%Y-%m}-documents.zip"
    response = HttpResponse(
        content,
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )
    subject = f"Documents of {month}"
    return looked_at(response, action="document.downloaded", subject=subject, file_name=name)


def _download(request: PortalRequest, *, invoice_id: int, document_format: Format) -> HttpResponse:
    invoice = invoice_or_404(invoice_id=invoice_id)
    try:
        document = store.document(invoice=invoice, format=document_format)
    except store.BeforeCutoff:
        return _unavailable(request, invoice, reason="before_cutoff", status=HTTPStatus.GONE)
    except store.DocumentDamaged:
        return _unavailable(request, invoice, reason="damaged", status=HTTPStatus.CONFLICT)
    except store.DocumentNotReady:
        store.request_documents(invoice=invoice, now=timezone.now())
        return _preparing(request, invoice)
    name = f"{invoice.number}.{document_format}"
    return stored_document(
        request, document, name=name, content_type=CONTENT_TYPES[document_format]
    )


def _preparing(request: PortalRequest, issued: Invoice | CreditNote) -> HttpResponse:
    response = _unavailable(request, issued, reason="preparing", status=HTTPStatus.ACCEPTED)
    response["Refresh"] = str(SECONDS_TO_REFRESH)
    return response


def _unavailable(
    request: PortalRequest, issued: Invoice | CreditNote, *, reason: str, status: HTTPStatus
) -> HttpResponse:
    invoice = issued if isinstance(issued, Invoice) else issued.invoice
    context = {
        "invoice": issued,
        "kind": "Invoice" if issued is invoice else "Credit note",
        "back_url": reverse("invoice_detail", args=[invoice.pk]),
        "back_name": invoice.number,
        "reason": reason,
        "cutoff": store.cutoff_date(),
        "support_email": settings.SUPPORT_EMAIL,
    }
    response = render(request, "billing/document_unavailable.html", context, status=status)
    response["Cache-Control"] = "private, no-store"
    return response
