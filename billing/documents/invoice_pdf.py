"""The PDF of an invoice."""

from collections.abc import Iterable

from django.template.loader import render_to_string

from billing.documents.frame import frame
from billing.documents.invoice_content import invoice_content
from billing.documents.rendering import pdf_of
from billing.models import Invoice, InvoiceLine


def invoice_html(*, invoice: Invoice, lines: Iterable[InvoiceLine], pay_url: str = "") -> str:
    """The page that becomes the PDF; `lines` are the invoice's, in order."""
    content = invoice_content(invoice=invoice, lines=lines, pay_url=pay_url)
    return render_to_string(
        "billing/documents/invoice.html",
        {
            "content": content,
            "dated": content.issued_at,
            **frame(invoice.buyer),
            "parties": (("From", content.seller), ("Bill to", content.buyer)),
            "zone": invoice.billing_zone(),
        },
    )


def invoice_pdf(*, invoice: Invoice, lines: Iterable[InvoiceLine], pay_url: str = "") -> bytes:
    """PDF/A-3a, the same bytes for the same invoice (docs/decisions/0007)."""
    html = invoice_html(invoice=invoice, lines=lines, pay_url=pay_url)
    return pdf_of(html=html, identifier=invoice.number)
