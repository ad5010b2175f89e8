"""A contract as a document: what was agreed, between whom, for how long."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string

from billing.documents.invoice_content import Party
from billing.documents.text_fitting import printable
from billing.formatting import date_text
from billing.models import Contract
from billing.money import format_money, format_unit_price

_LONGEST_ITEM = 200
_MOST_ITEMS = 30


@dataclass(frozen=True, slots=True)
class ContractContent:
    """A contract ready to be set: every value a text. `facts` are pairs of name and value."""

    reference: str
    kind: str
    package: str
    headline: str
    agreed_at: str
    seller: Party
    buyer: Party
    facts: tuple[tuple[str, str], ...]
    contents: tuple[str, ...]
    unit: str
    unit_price: str
    is_committed: bool
    renews: bool


def contract_content(
    *,
    contract: Contract,
    reference: str,
    seller: Mapping[str, Any],
    buyer: Mapping[str, Any],
    zone: ZoneInfo,
) -> ContractContent:
    """The document's content, from the contract and the parties as kept with it.

    Dates are those of the billing zone.
    """
    unit = contract.unit
    unit_price = format_unit_price(contract.unit_price, contract.currency)
    committed = contract.committed_quantity
    headline = (
        f"{committed:,} {unit} at {unit_price} a month each"
        if committed
        else (f"{unit_price} a month for each of the {unit} at the peak")
    )
    agreed_at = contract.agreed_at or datetime.combine(contract.starts_on, time(), UTC)
    return ContractContent(
        reference=reference,
        kind=contract.get_kind_display(),
        package=printable(contract.package_name),
        headline=headline,
        agreed_at=agreed_at.isoformat(timespec="seconds"),
        seller=Party.of(seller),
        buyer=Party.of(buyer),
        facts=_facts(contract, reference=reference, zone=zone),
        contents=tuple(
            printable(str(item), longest=_LONGEST_ITEM)
            for item in contract.package_contents[:_MOST_ITEMS]
        ),
        unit=unit,
        unit_price=unit_price,
        is_committed=bool(committed),
        renews=contract.ends_on is None,
    )


def contract_html(
    *,
    contract: Contract,
    reference: str,
    seller: Mapping[str, Any],
    buyer: Mapping[str, Any],
    zone: ZoneInfo,
) -> str:
    """The page that becomes the PDF."""
    sheet = contract_content(
        contract=contract, reference=reference, seller=seller, buyer=buyer, zone=zone
    )
    return render_to_string(
        "billing/documents/contract.html",
        {"sheet": sheet, "parties": (("Between", sheet.seller), ("and", sheet.buyer))},
    )


def _facts(contract: Contract, *, reference: str, zone: ZoneInfo) -> tuple[tuple[str, str], ...]:
    unit = contract.unit
    limit = format_money(contract.automatic_limit_minor, contract.currency)
    is_annual = contract.term == Contract.Term.ANNUAL
    facts = [
        ("Contract", reference),
        ("Agreed on", date_text(contract.agreed_at.astimezone(zone).date())
         if contract.agreed_at else ""),
        ("Kind", contract.get_kind_display()),
        ("Package", printable(contract.package_name)),
        ("Committed", f"{contract.committed_quantity:,} {unit}"
         if contract.committed_quantity else ""),
        ("Price", f"{format_unit_price(contract.unit_price, contract.currency)} each and month"),
        ("Begins on", date_text(contract.starts_on)),
        ("Term", "Annual: twelve months at a time" if is_annual else "Monthly"),
        ("End", f"{date_text(contract.ends_on)}, the first day not covered"
         if contract.ends_on else "Renews itself at the end of each term"),
        ("Billing time zone", zone.key),
        ("Payment", f"Invoices by mail, due after {contract.payment_terms_days} days"
         if contract.invoice_agreement
         else f"By card below {limit}; others by mail, due after "
              f"{contract.payment_terms_days} days"),
    ]  # fmt: skip
    return tuple((name, value) for name, value in facts if value)
