"""The invoices of the Payment History, for the page and as CSV."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Prefetch, Q, Subquery

from billing.documents.invoice_csv import plain_money
from billing.documents.receipt import payments_with_receipt
from billing.models import CarriedBalance, Chargeback, Invoice, Payment
from billing.models.invoice_queries import UNPAID, InvoiceQuerySet
from core.months import day_starts_at

Status = Invoice.Status
INVOICES_PER_PAGE = 12
FIRST_YEAR, LAST_YEAR = 1900, 9000

_IS_PAID = Q(unpaid__lte=0)
_IS_ACTIVE = Q(voided_at=None, written_off_at=None)
_OF_STATUS = {
    Status.OPEN: _IS_ACTIVE & ~_IS_PAID & Q(paid_total__lte=0),
    Status.PARTIALLY_PAID: _IS_ACTIVE & ~_IS_PAID & Q(paid_total__gt=0),
    Status.PAID: Q(voided_at=None) & _IS_PAID & Q(carried_total=0),
    Status.CARRIED: Q(voided_at=None) & _IS_PAID & Q(carried_total__gt=0),
    Status.UNCOLLECTIBLE: Q(voided_at=None, written_off_at__isnull=False) & ~_IS_PAID,
    Status.VOID: Q(voided_at__isnull=False),
}
# The columns of the page have the same names.
CSV_HEADER = (
    "Invoice Number",
    "Kind",
    "Month",
    "Date of issue",
    "Due Date",
    "Status",
    "Currency",
    "Amount Billed",
    "Amount Credited",
    "Amount Paid",
    "Amount Owed",
    "Carried in",
    "Carried out",
)


@dataclass(frozen=True, slots=True)
class Period:
    """The days of issue to show, both included, in the billing zone; None is no limit."""

    first: date | None
    last: date | None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Period":
        """Read `from` and `to`; a text that is no day is no limit."""
        return cls(_day(query.get("from", "")), _day(query.get("to", "")))

    def __bool__(self) -> bool:
        return self.first is not None or self.last is not None

    def clamped(self, *, today: date) -> "Period":
        """The same with two days in order: by default this year until today."""
        last = self.last or today
        return Period(min(self.first or last.replace(month=1, day=1), last), last)


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    # The first instants of the first and last years are in no other zone's calendar.
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else None


def matching_invoices(
    *, status: str, search: str, period: Period, zone: ZoneInfo
) -> InvoiceQuerySet[Invoice]:
    """The invoices of a status that were issued in a period and that a search finds.

    A search finds a part of the number or of the reference of a payment.
    """
    invoices: InvoiceQuerySet[Any] = invoices_of_status(status)
    if period.first:
        invoices = invoices.filter(issued_at__gte=day_starts_at(day=period.first, zone=zone))
    if period.last:
        ends_at = day_starts_at(day=period.last + timedelta(days=1), zone=zone)
        invoices = invoices.filter(issued_at__lt=ends_at)
    if search:
        paid = Payment.objects.filter(invoice=OuterRef("pk"), reference__icontains=search)
        invoices = invoices.filter(Q(number__icontains=search) | Q(Exists(paid)))
    return invoices


def invoices_of_status(status: str = "") -> InvoiceQuerySet[Invoice]:
    """The invoices of a status, newest first, each with its amounts and `last_chargeback`.

    Each has its `payments_with_receipt`, the last one first. The conditions are the rule of
    `Invoice.status`. A text that names no status means all invoices.
    """
    last = Chargeback.objects.filter(payment__invoice=OuterRef("pk")).order_by("-opened_at", "-pk")
    listed = Invoice.objects.with_paid().annotate(
        last_chargeback=Subquery(last.values("state")[:1]), unpaid=UNPAID
    )
    invoices: InvoiceQuerySet[Any] = listed.newest_first().prefetch_related(
        Prefetch(
            "payments",
            payments_with_receipt(Payment.objects.order_by("-pk")),
            to_attr="payments_with_receipt",
        ),
        Prefetch("carried_from", CarriedBalance.objects.select_related("from_invoice")),
        Prefetch(
            "carried_to",
            CarriedBalance.objects.filter(to_invoice__voided_at=None).select_related("to_invoice"),
        ),
    )
    return invoices.filter(_OF_STATUS[Status(status)]) if status in Status.values else invoices


def history_csv_rows(invoices: InvoiceQuerySet[Invoice]) -> Iterator[tuple[object, ...]]:
    """The rows below `CSV_HEADER`: ISO dates, plain decimals in major units."""
    for invoice in invoices.iterator(chunk_size=1000):
        currency = invoice.currency
        yield (
            invoice.number,
            invoice.get_kind_display(),
            f"{invoice.month:%Y-%m}",
            invoice.issued_on,
            invoice.due_date,
            invoice.status.label,
            currency,
            plain_money(invoice.total_minor, currency),
            plain_money(invoice.amounts.credited_minor, currency),
            plain_money(invoice.paid_minor, currency),
            plain_money(invoice.owed_minor, currency),
            plain_money(invoice.amounts.carried_in_minor, currency),
            plain_money(invoice.amounts.carried_out_minor, currency),
        )
