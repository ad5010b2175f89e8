"""Downloads of stored documents."""

from django.http import HttpResponse
from django.utils.cache import get_conditional_response

from accounts.requests import PortalRequest
from billing.models import (
    ContractDocument,
    CreditNoteDocument,
    InvoiceDocument,
    PaymentReceipt,
    StatementDocument,
)
from core.audit import looked_at

StoredDocument = (
    InvoiceDocument | CreditNoteDocument | ContractDocument | PaymentReceipt | StatementDocument
)


def stored_document(
    request: PortalRequest,
    document: StoredDocument,
    *,
    name: str,
    content_type: str,
) -> HttpResponse:
    """The stored bytes, or 304 if the browser has them. `name` (ASCII) is the file's name.

    The audit log records it.
    """
    etag = f'"{document.sha256}"'
    response = HttpResponse(
        document.content,
        content_type=content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "ETag": etag,
            "Cache-Control": "private, no-cache",
            "X-Content-Type-Options": "nosniff",
        },
    )
    answer = get_conditional_response(request, etag=etag, response=response)
    answer = answer if isinstance(answer, HttpResponse) else response
    subject = name.rpartition(".")[0]
    return looked_at(answer, action="document.downloaded", subject=subject, file_name=name)
