"""Downloads of documents that are rendered once and kept."""

from django.http import HttpResponse
from django.utils.cache import get_conditional_response

from accounts.requests import PortalRequest
from billing.models import ContractDocument, CreditNoteDocument, InvoiceDocument

Kept = InvoiceDocument | CreditNoteDocument | ContractDocument


def stored_document(
    request: PortalRequest,
    kept: Kept,
    *,
    name: str,
    content_type: str,
) -> HttpResponse:
    """The bytes as they were kept; 304 for who has them already. `name` is ASCII and ours."""
    etag = f'"{kept.sha256}"'
    response = HttpResponse(
        kept.content,
        content_type=content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "ETag": etag,
            "Cache-Control": "private, no-cache",
            "X-Content-Type-Options": "nosniff",
        },
    )
    answer = get_conditional_response(request, etag=etag, response=response)
    return answer if isinstance(answer, HttpResponse) else response
