"""The CSV of an invoice, for spreadsheets and programs."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from billing.documents.explanation_links import explanation_url
from billing.models import Invoice, InvoiceLine
from billing.money import exponent, major
from core.csv_files import csv_lines

TAX = "tax"
CARRIED = "carried"
HEADER = (
    "Invoice",
    "Month",
    "Line",
    "Kind",
    "Description",
    "Organization ID",
    "Organization",
    "Metric",
    "Quantity",
    "Unit price",
    "Amount",
    "Currency",
    "Peak reached at",
    "Peak event ID",
    "Count before",
    "Count after",
    "Who was added",
    "Added by",
    "Why this number",
    "Reported late for month",
    "Billed for it before",
    "Reason",
)


def invoice_csv(*, invoice: Invoice, lines: Iterable[InvoiceLine]) -> bytes:
    """All lines in order and then the tax, which add up to the invoice's total.

    Balances carried from earlier invoices follow, so that all add up to the amount due.
    UTF-8 with a byte order mark and CR LF. Money is a plain decimal in major units next to the
    currency. Instants are ISO 8601 with the offset of the invoice's billing zone; a peak without an
    instant was carried in from the month before. Names are not cut.
    """
    return "".join(csv_lines(header=HEADER, rows=_rows(invoice, lines))).encode()


def _rows(invoice: Invoice, lines: Iterable[InvoiceLine]) -> Iterator[tuple[object, ...]]:
    zone = invoice.billing_zone()
    number, month = invoice.number, f"{invoice.month:%Y-%m}"
    position = 0
    for line in lines:
        position = line.position
        yield (
            *(number, month, position, line.kind, line.description),
            *(_or_empty(line.organization_id), line.organization_name, line.metric),
            # A number, not a text: the quantity of a credit is negative, and no formula.
            Decimal(plain_decimal(line.quantity)),
            plain_decimal(line.unit_price, decimals=2),
            *(plain_money(line.amount_minor, invoice.currency), invoice.currency),
            "" if line.peak_at is None else line.peak_at.astimezone(zone).isoformat(),
            *(_or_empty(line.peak_event_id), _or_empty(line.peak_count_before)),
            "" if line.peak_count_before is None else line.peak_count_before + 1,
            *(line.peak_subject_name, line.peak_actor_name),
            explanation_url(line, month=invoice.month),
            "" if line.adjusted_month is None else f"{line.adjusted_month:%Y-%m}",
            *(_or_empty(line.adjusted_from), line.reason),
        )
    if invoice.tax_minor:
        tax = plain_money(invoice.tax_minor, invoice.currency)
        name = f"{invoice.tax_name or 'Tax'} ({plain_decimal(invoice.tax_rate)} %)"
        position += 1
        yield _sum_row(invoice, position, TAX, name, tax)
    for carried in invoice.balances_carried_in():
        position += 1
        amount = plain_money(carried.amount_minor, invoice.currency)
        name = f"Carried from {carried.from_invoice.number}"
        yield _sum_row(invoice, position, CARRIED, name, amount)


def _sum_row(
    invoice: Invoice, position: int, kind: str, description: str, amount: Decimal
) -> tuple[object, ...]:
    return (
        *(invoice.number, f"{invoice.month:%Y-%m}", position, kind, description),
        *("", "", "", "", "", amount, invoice.currency),
        *("", "", "", "", "", "", "", "", "", ""),
    )


def plain_money(minor: int, currency: str) -> Decimal:
    """An amount in major units with all decimals of its currency: 1234.50."""
    return major(minor, currency).quantize(Decimal(1).scaleb(-exponent(currency)))


def plain_decimal(number: Decimal, *, decimals: int = 0) -> str:
    """A number without trailing zeros, but with at least this many decimals."""
    whole, _, fraction = f"{number:f}".partition(".")
    fraction = fraction.rstrip("0").ljust(decimals, "0")
    return f"{whole}.{fraction}" if fraction else whole


def _or_empty(number: int | None) -> int | str:
    return "" if number is None else number
