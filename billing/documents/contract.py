"""The document of a contract: its PDF, rendered once and stored with its SHA-256."""

from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string

from accounts.models import Provider
from billing.customer.profile import buyer
from billing.documents.invoice_content import Party, customer_number
from billing.documents.store import checked, store_once
from billing.documents.text_fitting import printable
from billing.formatting import date_text
from billing.models import BillingProfile, Contract, ContractDocument
from billing.money import format_money, format_unit_price

_LONGEST_ITEM = 200
_MOST_ITEMS = 30


def contract_reference(contract: Contract, *, prefix: str) -> str:
    """The reference of a contract: the provider's prefix and its first month, NORTH-C-2026-01."""
    return f"{prefix}-C-{contract.starts_on:%Y-%m}"


def contract_html(
    *,
    contract: Contract,
    reference: str,
    seller: Mapping[str, Any],
    buyer: Mapping[str, Any],
    zone: ZoneInfo,
) -> str:
    """The page that becomes the PDF; its dates are in the billing zone."""
    unit, committed = contract.unit, contract.committed_quantity
    unit_price = format_unit_price(contract.unit_price, contract.currency)
    agreed_at = contract.agreed_at or datetime.combine(contract.starts_on, time(), UTC)
    number = f"no. {customer_number(reference)}"
    parties = (("Between", Party.of(seller)), ("and", Party.of(buyer, number=number)))
    content = {
        "reference": reference,
        "kind": contract.get_kind_display(),
        "package": printable(contract.package_name),
        "headline": (
            f"{committed:,} {unit} at {unit_price} a month each"
            if committed
            else f"{unit_price} a month for each of the {unit} at the peak"
        ),
        "agreed_at": agreed_at.isoformat(timespec="seconds"),
        "seller": parties[0][1],
        "buyer": parties[1][1],
        "facts": _facts(contract, reference=reference, zone=zone),
        "contents": [
            printable(str(item), longest=_LONGEST_ITEM)
            for item in contract.package_contents[:_MOST_ITEMS]
        ],
        "unit": unit,
        "unit_price": unit_price,
        "is_committed": bool(committed),
        "counts_together": contract.counts_together,
        "renews": contract.ends_on is None,
    }
    return render_to_string(
        "billing/documents/contract.html", {"content": content, "parties": parties}
    )


def _facts(contract: Contract, *, reference: str, zone: ZoneInfo) -> list[tuple[str, str]]:
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
        ("Price", f"{format_unit_price(contract.unit_price, contract.currency)} each, per month"),
        ("Begins on", _beginning(contract, zone=zone)),
        ("Term", "Annual: twelve months at a time" if is_annual else "Monthly"),
        ("End", f"{date_text(contract.ends_on)}, the first day not covered"
         if contract.ends_on else "Renews itself at the end of each term"),
        ("Billing time zone", zone.key),
        ("Payment", f"Invoices by mail, due after {contract.payment_terms_days} days"
         if not contract.charges_card
         else f"By card below {limit}; others by mail, due after "
              f"{contract.payment_terms_days} days"),
    ]  # fmt: skip
    return [(name, value) for name, value in facts if value]


def _beginning(contract: Contract, *, zone: ZoneInfo) -> str:
    """The day or instant from which usage is billed, which the first card's agreement begins."""
    begun_at = contract.late_start(zone)
    if begun_at is None:
        return date_text(contract.starts_on)
    local = begun_at.astimezone(zone)
    return f"{date_text(local.date())}, {local:%H:%M:%S}; earlier usage is free"


def render_contract_document(*, contract: Contract, provider: Provider, now: datetime) -> None:
    """Render the contract with the current parties and store it; does nothing if it is stored.

    Safe to repeat and to run concurrently: the first stored bytes are kept.
    """
    if ContractDocument.objects.filter(contract=contract).exists():
        return
    # Imported late: the renderer takes 40 MB and half a second, and no web process renders.
    from billing.documents.rendering import pdf_of  # noqa: PLC0415

    parties = {
        "seller": settings.SELLER,
        "buyer": buyer(provider=provider, profile=BillingProfile.objects.current()),
    }
    reference = contract_reference(contract, prefix=provider.invoice_prefix)
    html = contract_html(
        contract=contract, reference=reference, zone=provider.billing_zone(), **parties
    )
    content = pdf_of(html=html, identifier=reference)
    store_once(ContractDocument(contract=contract, **parties), content=content, now=now)


def contract_document(*, contract: Contract) -> ContractDocument:
    """The stored document, checked. Raises `DocumentNotReady` or `DocumentDamaged`."""
    stored = ContractDocument.objects.filter(contract=contract).first()
    return checked(stored, name=f"PDF of contract {contract.pk}")
