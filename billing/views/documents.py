"""Downloads of an invoice: the stored bytes, or a page that says why not."""

from http import HTTPStatus

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing import documents
from billing.access import invoice_or_404
from billing.models import Invoice, InvoiceDocument
from billing.wording import date_text

Format = InvoiceDocument.Format
CONTENT_TYPES = {Format.PDF: "application/pdf", Format.CSV: "text/csv; charset=utf-8"}
SECONDS_TO_NEXT_LOOK = 3


@requires(Permission.VIEW_BILLING)
@require_safe
def invoice_pdf(request: PortalRequest, invoice_id: int) -> HttpResponse:
    """The invoice's PDF as issued."""
    return _download(request, invoice_id=invoice_id, document_format=Format.PDF)


@requires(Permission.VIEW_BILLING)
@require_safe
def invoice_csv(request: PortalRequest, invoice_id: int) -> HttpResponse:
    """The invoice's CSV as issued."""
    return _download(request, invoice_id=invoice_id, document_format=Format.CSV)


def _download(request: PortalRequest, *, invoice_id: int, document_format: Format) -> HttpResponse:
    invoice = invoice_or_404(invoice_id=invoice_id)
    try:
        kept = documents.document(invoice=invoice, format=document_format)
    except documents.BeforeCutoff:
        return _unavailable(request, invoice, reason="before_cutoff", status=HTTPStatus.GONE)
    except documents.DocumentDamaged:
        return _unavailable(request, invoice, reason="damaged", status=HTTPStatus.CONFLICT)
    except documents.DocumentNotReady:
        documents.order_documents(invoice=invoice, now=timezone.now())
        response = _unavailable(request, invoice, reason="preparing", status=HTTPStatus.ACCEPTED)
        response["Refresh"] = str(SECONDS_TO_NEXT_LOOK)
        return response
    etag = f'"{kept.sha256}"'
    response = HttpResponse(
        kept.content,
        content_type=CONTENT_TYPES[document_format],
        headers={
            "Content-Disposition": f'attachment; filename="{invoice.number}.{document_format}"',
            "ETag": etag,
            "Cache-Control": "private, no-cache",
            "X-Content-Type-Options": "nosniff",
        },
    )
    answer = get_conditional_response(request, etag=etag, response=response)
    return answer if isinstance(answer, HttpResponse) else response


def _unavailable(
    request: PortalRequest, invoice: Invoice, *, reason: str, status: HTTPStatus
) -> HttpResponse:
    context = {
        "invoice": invoice,
        "reason": reason,
        "cutoff": date_text(documents.cutoff_date()),
        "support_email": settings.SUPPORT_EMAIL,
    }
    response = render(request, "billing/document_unavailable.html", context, status=status)
    response["Cache-Control"] = "private, no-store"
    return response
