"""The Payment History: the provider's invoices as they are listed, on the page and as CSV."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import F, OuterRef, Q, Subquery

from billing.documents.invoice_csv import plain_money
from billing.documents.store import is_before_cutoff
from billing.formatting import local_date, month_text, short_date_text
from billing.models import Chargeback, Invoice
from billing.models.invoice_queries import InvoiceQuerySet
from billing.money import format_money

Status = Invoice.Status
INVOICES_PER_PAGE = 12

_IS_PAID = Q(total_minor__lte=F("paid_total") + F("credited_total"))
_STANDS = Q(voided_at=None, written_off_at=None)
_OF_STATUS = {
    Status.OPEN: _STANDS & ~_IS_PAID & Q(paid_total__lte=0),
    Status.PARTIALLY_PAID: _STANDS & ~_IS_PAID & Q(paid_total__gt=0),
    Status.PAID: Q(voided_at=None) & _IS_PAID,
    Status.UNCOLLECTIBLE: Q(voided_at=None, written_off_at__isnull=False) & ~_IS_PAID,
    Status.VOID: Q(voided_at__isnull=False),
}
# What a bank has done to the payment; one that stayed needs no word.
_REMARKS = {
    str(Chargeback.State.OPEN): "Payment contested",
    str(Chargeback.State.LOST): "Payment taken back",
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


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One invoice of the list, its figures as texts."""

    pk: int
    number: str
    kind: str
    month: str
    due_date: str
    is_overdue: bool
    status: str
    status_text: str
    remark: str
    billed: str
    credited: str
    paid: str
    owed: str
    is_downloadable: bool


def invoices_of_status(status: str = "") -> InvoiceQuerySet[Invoice]:
    """All invoices, or those of a status, newest first, each with what was paid.

    The same rule as `Invoice.status`, as a condition; a text that is no status means all.
    """
    last = Chargeback.objects.filter(payment__invoice=OuterRef("pk")).order_by("-opened_at", "-pk")
    listed = Invoice.objects.with_paid().annotate(
        last_chargeback=Subquery(last.values("state")[:1])
    )
    invoices: InvoiceQuerySet[Any] = listed.newest_first()
    return invoices.filter(_OF_STATUS[Status(status)]) if status in Status.values else invoices


def history_row(invoice: Invoice, *, today: date) -> HistoryRow:
    """The invoice as listed on `today`, the date in the provider's billing zone."""
    currency = invoice.currency
    return HistoryRow(
        pk=invoice.pk,
        number=invoice.number,
        kind=invoice.get_kind_display(),
        month=month_text(invoice.month),
        due_date=short_date_text(invoice.due_date),
        is_overdue=invoice.owed_minor > 0 and invoice.due_date < today,
        status=invoice.status.value,
        status_text=invoice.status.label,
        remark=_REMARKS.get(getattr(invoice, "last_chargeback", None) or "", ""),
        billed=format_money(invoice.total_minor, currency),
        credited=_unless_zero(invoice.amounts.credited_minor, currency),
        paid=format_money(invoice.paid_minor, currency),
        owed=format_money(invoice.owed_minor, currency),
        is_downloadable=not is_before_cutoff(invoice),
    )


def _unless_zero(minor: int, currency: str) -> str:
    return format_money(minor, currency) if minor else ""


def history_csv_rows(invoices: InvoiceQuerySet[Invoice]) -> Iterator[tuple[object, ...]]:
    """The rows below `CSV_HEADER`: ISO dates, plain decimals in major units."""
    for invoice in invoices.iterator(chunk_size=1000):
        currency = invoice.currency
        yield (
            invoice.number,
            invoice.get_kind_display(),
            f"{invoice.month:%Y-%m}",
            local_date(invoice.issued_at, invoice.billing_zone()).isoformat(),
            invoice.due_date.isoformat(),
            invoice.status.label,
            currency,
            plain_money(invoice.total_minor, currency),
            plain_money(invoice.amounts.credited_minor, currency),
            plain_money(invoice.paid_minor, currency),
            plain_money(invoice.owed_minor, currency),
        )
