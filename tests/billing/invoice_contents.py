"""Unsaved invoices as the close issues them, for tests of documents."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from billing.choices import Collection
from billing.models import Invoice, InvoiceLine

UNUSUAL_NAMES = (
    "Müller & Söhne <Handels> GmbH",
    "שלום עולם בע״מ 12",
    "شركة المثال المحدودة 34",
    "株式会社サンプル東京",
    "北京示例科技有限公司",
    "한국 주식회사",
    "A name so long that no column of any document could ever hold all of it, whatever one does",
)
PERIOD_STARTS_AT = datetime(2026, 9, 30, 22, tzinfo=UTC)
PERIOD_ENDS_AT = datetime(2026, 10, 31, 23, tzinfo=UTC)
UNIT_PRICE = Decimal("3.0000")


def invoice_with(
    *,
    count: int,
    kind: str = "usage",
    names: tuple[str, ...] = UNUSUAL_NAMES,
    is_combined: bool = False,
    **changes: object,
) -> tuple[Invoice, list[InvoiceLine]]:
    """An invoice of October 2026 in the zone of Berlin, and its lines for `count` organizations.

    `is_combined`: the overage is of the peak of all organizations together.
    """
    is_overage = kind == "overage"
    lines = [
        _line(position, is_basis=is_overage, names=names)
        for position in range(1 + is_overage, count + 1 + is_overage)
    ]
    if is_overage:
        lines.insert(0, _overage_line(sum(line.quantity for line in lines)))
    if is_combined:
        _count_together(*lines)
    subtotal = sum(line.amount_minor for line in lines)
    tax = subtotal * 19 // 100
    amounts: dict[str, object] = {
        "kind": kind,
        "subtotal_minor": subtotal,
        "tax_minor": tax,
        "total_minor": subtotal + tax,
    }
    invoice = Invoice(**(_invoice_fields() | amounts | changes))
    for line in lines:
        line.invoice = invoice
    return invoice, lines


def _invoice_fields() -> dict[str, object]:
    return {
        "number": "NORTH-000007",
        "month": date(2026, 10, 1),
        "collection": Collection.BY_INVOICE,
        "currency": "USD",
        "tax_name": "VAT",
        "tax_rate": Decimal("19.000"),
        "issued_at": datetime(2026, 11, 1, 0, 5, tzinfo=UTC),
        "due_date": date(2026, 12, 1),
        "period_starts_at": PERIOD_STARTS_AT,
        "period_ends_at": PERIOD_ENDS_AT,
        "billing_time_zone": "Europe/Berlin",
        "seller": {
            "name": "MTP Software Inc.",
            "address_lines": ["500 Example Street", "Denver, CO 80202"],
            "country": "US",
            "tax_id": "US 00-0000000",
            "email": "billing@mtp.example",
            "bank": ["Beneficiary: MTP Software Inc.", "ACH routing number: 000000000"],
        },
        "buyer": {
            "name": "Northwind Managed Services GmbH",
            "address_lines": ["Musterstraße 12", "10115 Berlin"],
            "country": "DE",
            "tax_id": "DE 123456789",
            "purchase_order": "PO-2026-118",
        },
        "contract_summary": {"package_name": "Business Protection"},
    }


def _line(position: int, *, is_basis: bool, names: tuple[str, ...]) -> InvoiceLine:
    every = 5
    name = f"Organization {position:04d} Dental Care"
    if names and position % every == 0:
        name = names[position // every % len(names)]
    quantity = 3 + position * 7 % 190
    was_carried_in = position % 9 == 0
    at = PERIOD_STARTS_AT + timedelta(hours=position * 11 % 740, seconds=position * 37 % 3600)
    return InvoiceLine(
        position=position,
        kind="basis" if is_basis else "usage",
        description=f"{name}: highest number of users, October 2026",
        organization_id=position,
        organization_name=name,
        metric="users",
        quantity=Decimal(quantity),
        unit_price=Decimal(0) if is_basis else UNIT_PRICE,
        amount_minor=0 if is_basis else quantity * 300,
        peak_event_id=None if was_carried_in else 1000 + position,
        peak_at=None if was_carried_in else at,
        peak_count_before=None if was_carried_in else quantity - 1,
        peak_subject_name="" if was_carried_in else f"Person {position}",
        peak_actor_name="" if was_carried_in else "Adam Administrator",
    )


def _overage_line(total: Decimal) -> InvoiceLine:
    over = total - 1
    return InvoiceLine(
        position=1,
        kind="overage",
        description=f"{over} users above the 1 committed, October 2026",
        metric="users",
        quantity=over,
        unit_price=UNIT_PRICE,
        amount_minor=int(over * 300),
    )


def _count_together(overage: InvoiceLine, *shares: InvoiceLine) -> None:
    """All had the most at one instant: each organization was counted then."""
    at = PERIOD_STARTS_AT + timedelta(hours=300)
    overage.peak_at, overage.peak_event_id = at, 1000
    overage.peak_count_before = int(overage.quantity)
    overage.peak_subject_name, overage.peak_actor_name = "Person 7", "Adam Administrator"
    for line in shares:
        line.peak_at, line.peak_event_id, line.peak_count_before = at, None, None
        line.peak_subject_name = line.peak_actor_name = ""


def issued(*, count: int = 3, kind: str = "usage", **changes: object) -> Invoice:
    """As `invoice_with`, saved in the current provider's schema."""
    invoice, lines = invoice_with(count=count, kind=kind, **changes)
    invoice.save()
    InvoiceLine.objects.bulk_create(lines)
    return invoice
