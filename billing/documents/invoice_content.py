"""The content of an invoice document as texts. It depends only on the issued invoice.

A document never changes, so it shows nothing as paid.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from billing.choices import Collection, InvoiceKind, LineKind
from billing.customer.addresses import country_name
from billing.documents.annex import (
    CHARGES,
    SHARES,
    AnnexLine,
    Columns,
    annex_heading,
    annex_line,
    annex_sum,
    in_column,
    in_persons_column,
)
from billing.documents.frame import QrCode
from billing.documents.invoice_lines import Charge, charge, charges_by_price, in_note
from billing.documents.naming import Numbered, names_to_number, with_number
from billing.documents.periods import period_text
from billing.documents.text_fitting import printable
from billing.formatting import date_text, month_text, quantity_text
from billing.models import CreditNote, Invoice, InvoiceLine
from billing.money import format_money
from core.metrics import Metric

# More lines than this go to an annex: a longer table is slow to render and hard to read.
LONGEST_TABLE = 40
# 90 pages; a longer annex would take a worker minutes and gigabytes.
LONGEST_ANNEX = 5000
MOST_LATE_LINES = 10
# A link takes the renderer as long as its line.
LONGEST_LINKED_ANNEX = 400
_LONGEST_ADDRESS_LINE = 90
_MOST_ADDRESS_LINES = 8


def customer_number(document_number: str) -> str:
    """The prefix of a customer in the number of its document: NORTH of NORTH-000007."""
    return document_number.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Party:
    """The seller or the buyer."""

    name: str
    address_lines: tuple[str, ...]
    tax_id: str
    email: str

    @classmethod
    def of(cls, snapshot: Mapping[str, Any], *, number: str = "") -> "Party":
        """Read the `seller` or `buyer` of a document; the name of the country is the last line.

        `number`, the prefix of a customer, is beside a name that our fonts can't print whole.
        """
        name = str(snapshot.get("name", ""))
        lines = [*snapshot.get("address_lines", [])][:_MOST_ADDRESS_LINES]
        country = str(snapshot.get("country", ""))
        if country:
            lines.append(country_name(country))
        return cls(
            name=with_number(printable(name), number if names_to_number([name]) else ""),
            address_lines=tuple(
                printable(str(line), longest=_LONGEST_ADDRESS_LINE) for line in lines if line
            ),
            tax_id=printable(str(snapshot.get("tax_id", ""))),
            email=printable(str(snapshot.get("email", ""))),
        )


@dataclass(frozen=True, slots=True)
class WaysToPay:
    """The card that is charged, the address to pay by card and its QR code, the seller's account.

    Each is empty if there is none; the account's rows are names and values.
    """

    card: str
    url: str
    qr_code: QrCode | None
    bank: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, invoice: Invoice, *, url: str) -> "WaysToPay":
        """As the issued invoice says; `url` as in `invoice_content`."""
        rows = [str(row).partition(":")[::2] for row in invoice.seller.get("bank", ())]
        return cls(
            card=printable(str(invoice.contract_summary.get("card", ""))),
            url=url,
            qr_code=QrCode.of(url) if url else None,
            bank=tuple((printable(name), printable(value)) for name, value in rows),
        )


@dataclass(frozen=True, slots=True)
class InvoiceContent:
    """The content of an invoice document; every value is a text. `facts` are names and values."""

    number: str
    month: str
    issued_at: str
    issued_on: str
    due_date: str
    seller: Party
    buyer: Party
    facts: tuple[tuple[str, str], ...]
    package: str
    summary: tuple[tuple[str, str], ...]
    quantity_heading: str
    basis_heading: str
    has_marks: bool
    is_combined: bool
    charges: tuple[Charge, ...]
    is_summary: bool
    basis: tuple[Charge, ...]
    annex_title: str
    is_only_in_csv: bool
    annex_heading: str
    has_links: bool
    annex: tuple[AnnexLine, ...]
    annex_sum: str
    totals: tuple[tuple[str, str], ...]
    total: str
    is_owed: bool
    is_charged_to_card: bool
    is_too_small: bool
    ways: WaysToPay


def invoice_content(
    *, invoice: Invoice, lines: Iterable[InvoiceLine], pay_url: str = ""
) -> InvoiceContent:
    """The content of the document; `lines` are the invoice's, in order.

    `pay_url` is the address at which a card can pay it; empty if none can.

    Up to 40 lines are in tables on the first pages. More charges are summed up by price there and
    listed in the annex; more than 5,000 lines are only in the invoice's CSV.
    """
    zone = invoice.billing_zone()
    lines = list(lines)
    charged = [line for line in lines if line.kind != LineKind.BASIS]
    basis = [line for line in lines if line.kind == LineKind.BASIS]
    is_long = len(lines) > LONGEST_TABLE
    is_summary = len(charged) > LONGEST_TABLE
    has_annex = is_long and len(lines) <= LONGEST_ANNEX
    annexed = (charged if is_summary else basis) if has_annex else []
    is_combined = any(line.is_combined_share for line in basis)
    has_links, currency = len(annexed) <= LONGEST_LINKED_ANNEX, invoice.currency
    columns = CHARGES if is_summary else SHARES
    numbered = _numbered(lines, columns if has_annex else None)
    common: dict[str, Any] = {"currency": currency, "zone": zone, "numbered": numbered}
    in_table = partial(charge, month=invoice.month, **common)
    linked_month = invoice.month if has_links else None
    in_annex = partial(annex_line, columns=columns, month=linked_month, **common)
    return InvoiceContent(
        number=invoice.number,
        month=month_text(invoice.month),
        issued_at=invoice.issued_at.isoformat(timespec="seconds"),
        issued_on=date_text(invoice.issued_on),
        due_date=date_text(invoice.due_date),
        seller=Party.of(invoice.seller),
        buyer=Party.of(invoice.buyer, number=f"no. {customer_number(invoice.number)}"),
        facts=_facts(invoice, zone),
        package=printable(str(invoice.contract_summary.get("package_name", ""))),
        summary=_summary(invoice, lines),
        quantity_heading=_quantity_heading(invoice),
        basis_heading=_basis_heading(invoice, is_combined=is_combined),
        has_marks=_has_marks(invoice, basis),
        is_combined=is_combined,
        charges=tuple(_charges(charged, in_table, currency=currency)),
        is_summary=is_summary,
        basis=() if is_long else tuple(map(in_table, basis)),
        annex_title=_annex_title(annexed, is_charged=is_summary, is_combined=is_combined),
        is_only_in_csv=is_long and not has_annex,
        annex_heading=annex_heading(columns, is_combined=is_combined),
        has_links=has_links,
        annex=tuple(map(in_annex, annexed)),
        annex_sum=annex_sum(format_money(invoice.subtotal_minor, currency)) if is_summary else "",
        totals=_totals(invoice),
        total=format_money(invoice.payable_at_issue_minor, currency),
        is_owed=invoice.payable_at_issue_minor > 0,
        is_charged_to_card=invoice.collection == Collection.AUTOMATIC,
        is_too_small=invoice.collection == Collection.TOO_SMALL,
        ways=WaysToPay.of(invoice, url=pay_url),
    )


def _summary(invoice: Invoice, lines: list[InvoiceLine]) -> tuple[tuple[str, str], ...]:
    """How many organizations and what quantity is charged, and the sums."""
    charged = [
        line for line in lines if line.kind != LineKind.BASIS and line.adjusted_month is None
    ]
    organizations = {line.organization_id for line in lines if line.organization_id is not None}
    units = {line.unit for line in charged}
    summary = []
    if organizations:
        summary.append(("Organizations", f"{len(organizations):,}"))
    if len(units) == 1:
        quantity = quantity_text(sum((line.quantity for line in charged), Decimal(0)), "")
        summary.append((f"{units.pop().capitalize()} charged", quantity.strip()))
    currency = invoice.currency
    return (
        *summary,
        ("Subtotal", format_money(invoice.subtotal_minor, currency)),
        ("Tax", format_money(invoice.tax_minor, currency)),
        ("Total", format_money(invoice.total_minor, currency)),
    )


def _numbered(lines: list[InvoiceLine], annex: Columns | None) -> Numbered:
    """The names that get a number: of the tables, or of the narrower annex."""
    if annex is None:
        return Numbered.of(lines, shown=[printable], shown_person=[in_note])
    has_late = any(line.adjusted_month is not None for line in lines)
    shown = in_column(annex, has_late=has_late)
    return Numbered.of(lines, shown=shown, shown_person=in_persons_column())


def _charges(
    lines: list[InvoiceLine], in_table: Callable[[InvoiceLine], Charge], *, currency: str
) -> Iterator[Charge]:
    """A row for each line, or sums by price; up to ten adjustments have a row each."""
    if len(lines) <= LONGEST_TABLE:
        yield from map(in_table, lines)
        return
    late = [line for line in lines if line.adjusted_month is not None]
    if len(late) > MOST_LATE_LINES:
        yield from charges_by_price(lines, currency=currency)
        return
    usual = [line for line in lines if line.adjusted_month is None]
    yield from charges_by_price(usual, currency=currency)
    yield from map(in_table, late)


def _facts(invoice: Invoice, zone: ZoneInfo) -> tuple[tuple[str, str], ...]:
    facts = [
        ("Invoice number", invoice.number),
        ("Replaces", f"{invoice.replaces.number}, which is void" if invoice.replaces else ""),
        ("Date of issue", date_text(invoice.issued_at.astimezone(zone).date())),
        ("Date due", date_text(invoice.due_date)),
        ("Period", period_text(invoice.period_starts_at, invoice.period_ends_at, zone)),
        ("Your purchase order", printable(str(invoice.buyer.get("purchase_order", "")))),
    ]
    return tuple((name, value) for name, value in facts if value)


def _totals(invoice: Invoice) -> tuple[tuple[str, str], ...]:
    currency = invoice.currency
    return (
        ("Subtotal", format_money(invoice.subtotal_minor, currency)),
        (tax_text(invoice), format_money(invoice.tax_minor, currency)),
        ("Total", format_money(invoice.total_minor, currency)),
        # Taxed on the invoice that it comes from.
        *(
            (f"Carried from {each.from_invoice.number}", format_money(each.amount_minor, currency))
            for each in invoice.balances_carried_in()
        ),
        ("Amount due", f"{format_money(invoice.payable_at_issue_minor, currency)} {currency}"),
    )


def tax_text(document: Invoice | CreditNote) -> str:
    """The name of its tax, with the rate if there is one: "VAT (19 %)", "Tax", or an exemption."""
    name = printable(document.tax_name) or "Tax"
    if not (document.tax_minor or document.tax_rate):
        return name
    return f"{name} ({rate_text(document.tax_rate)} %)"


def rate_text(rate: Decimal) -> str:
    """A percentage without trailing zeros: 19 or 7.7."""
    text = f"{rate:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _quantity_heading(invoice: Invoice) -> str:
    if invoice.contract_summary.get("metric") == Metric.ACTIVE_USERS:
        return "Active users"
    return "High-water mark" if invoice.kind == InvoiceKind.USAGE else "Quantity"


def _has_marks(invoice: Invoice, basis: list[InvoiceLine]) -> bool:
    if invoice.contract_summary.get("metric") == Metric.ACTIVE_USERS:
        return False
    return invoice.kind in (InvoiceKind.USAGE, InvoiceKind.OVERAGE) or bool(basis)


def _basis_heading(invoice: Invoice, *, is_combined: bool) -> str:
    if is_combined:
        return "Your organizations when all of them together had the most"
    if invoice.kind == InvoiceKind.COMMITMENT:
        return "What your organizations had of it"
    return "What the quantity is based on"


def _annex_title(lines: list[InvoiceLine], *, is_charged: bool, is_combined: bool) -> str:
    if not lines:
        return ""
    content = "counts" if is_combined else "charges" if is_charged else "high-water marks"
    organizations = {line.organization_id for line in lines}
    return f"Annex: {content} of {len(organizations):,} organizations"
