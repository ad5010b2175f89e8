"""The invoices of the Payment History, for the page and as CSV."""

from collections.abc import Iterator
from typing import Any

from django.db.models import F, OuterRef, Q, Subquery

from billing.documents.invoice_csv import plain_money
from billing.models import Chargeback, Invoice
from billing.models.invoice_queries import InvoiceQuerySet

Status = Invoice.Status
INVOICES_PER_PAGE = 12

_IS_PAID = Q(total_minor__lte=F("paid_total") + F("credited_total"))
_IS_ACTIVE = Q(voided_at=None, written_off_at=None)
_OF_STATUS = {
    Status.OPEN: _IS_ACTIVE & ~_IS_PAID & Q(paid_total__lte=0),
    Status.PARTIALLY_PAID: _IS_ACTIVE & ~_IS_PAID & Q(paid_total__gt=0),
    Status.PAID: Q(voided_at=None) & _IS_PAID,
    Status.UNCOLLECTIBLE: Q(voided_at=None, written_off_at__isnull=False) & ~_IS_PAID,
    Status.VOID: Q(voided_at__isnull=False),
}
CSV_HEADER = (
    "Invoice",
    "Kind",
    "Month",
    "Date of issue",
    "Due date",
    "Status",
    "Currency",
    "Billed",
    "Credited",
    "Paid",
    "Owed",
)


def invoices_of_status(status: str = "") -> InvoiceQuerySet[Invoice]:
    """The invoices of a status, newest first, each with its amounts and `last_chargeback`.

    The conditions are the rule of `Invoice.status`. A text that names no status means all invoices.
    """
    last = Chargeback.objects.filter(payment__invoice=OuterRef("pk")).order_by("-opened_at", "-pk")
    listed = Invoice.objects.with_paid().annotate(
        last_chargeback=Subquery(last.values("state")[:1])
    )
    invoices: InvoiceQuerySet[Any] = listed.newest_first()
    return invoices.filter(_OF_STATUS[Status(status)]) if status in Status.values else invoices


def history_csv_rows(invoices: InvoiceQuerySet[Invoice]) -> Iterator[tuple[object, ...]]:
    """The rows below `CSV_HEADER`: ISO dates, plain decimals in major units."""
    for invoice in invoices.iterator(chunk_size=1000):
        currency = invoice.currency
        yield (
            invoice.number,
            invoice.get_kind_display(),
            f"{invoice.month:%Y-%m}",
            invoice.issued_on.isoformat(),
            invoice.due_date.isoformat(),
            invoice.status.label,
            currency,
            plain_money(invoice.total_minor, currency),
            plain_money(invoice.amounts.credited_minor, currency),
            plain_money(invoice.paid_minor, currency),
            plain_money(invoice.owed_minor, currency),
        )
