"""The document of a contract: its PDF, rendered once and stored with its SHA-256."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Provider
from billing.customer.profile import buyer
from billing.documents.frame import frame
from billing.documents.invoice_content import Party, customer_number
from billing.documents.periods import reached_text, zone_text
from billing.documents.store import checked, store_once
from billing.documents.text_fitting import printable
from billing.formatting import date_text
from billing.models import (
    AgreementAcceptance,
    BillingProfile,
    Contract,
    ContractDocument,
    TermsAcceptance,
)
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
    acceptance: Iterable[tuple[str, str]] = (),
) -> str:
    """The page that becomes the PDF; its dates are in the billing zone."""
    unit, committed = contract.unit, contract.committed_quantity
    singular = unit.removesuffix("s")
    unit_price = format_unit_price(contract.unit_price, contract.currency)
    agreed_at = contract.agreed_at or datetime.combine(contract.starts_on, time(), UTC)
    number = f"no. {customer_number(reference)}"
    parties = (("Between", Party.of(seller)), ("and", Party.of(buyer, number=number)))
    content = {
        "reference": reference,
        "kind": contract.get_kind_display(),
        "package": printable(contract.package_name),
        "headline": (
            f"{committed:,} {unit} at {unit_price} per {singular} per month"
            if committed
            else f"{unit_price} per {singular} per month, billed on peak {unit}"
        ),
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
        "acceptance": [(name, printable(value)) for name, value in acceptance],
        "support_email": settings.SUPPORT_EMAIL,
        "terms_url": settings.SITE_URL + reverse("terms"),
    }
    return render_to_string(
        "billing/documents/contract.html",
        {
            "content": content,
            "dated": agreed_at.isoformat(timespec="seconds"),
            "parties": parties,
            **frame(buyer),
        },
    )


def acceptance_of(contract: Contract, *, zone: ZoneInfo) -> list[tuple[str, str]]:
    """Who agreed to the contract and when, and to which version of the terms of service."""
    accepted = AgreementAcceptance.objects.filter(contract=contract).first()
    terms = TermsAcceptance.objects.order_by("-accepted_at", "-pk").first()
    agreed_at = accepted.accepted_at if accepted else contract.agreed_at
    rows = [
        ("Accepted by", accepted.accepted_by_name if accepted else contract.agreed_by_name),
        ("Accepted on", reached_text(agreed_at, zone) if agreed_at else ""),
        ("How", "In the portal, by submitting a card for what it showed" if accepted else ""),
        ("SHA-256 of what it showed", accepted.fingerprint if accepted else ""),
        ("Terms of service", _terms(terms, zone)),
    ]
    return [(name, value) for name, value in rows if value]


def _terms(terms: TermsAcceptance | None, zone: ZoneInfo) -> str:
    if terms is None:
        return f"Version {settings.TERMS_VERSION}"
    return (
        f"Version {terms.version}, accepted by {terms.accepted_by_name} on "
        f"{reached_text(terms.accepted_at, zone)}"
    )


def _facts(contract: Contract, *, reference: str, zone: ZoneInfo) -> list[tuple[str, str]]:
    unit = contract.unit
    price = format_unit_price(contract.unit_price, contract.currency)
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
        ("Price", f"{price} per {unit.removesuffix('s')} per month"),
        ("Begins on", _beginning(contract, zone=zone)),
        ("Term", "Annual: twelve months at a time" if is_annual else "Monthly"),
        ("End", f"{date_text(contract.ends_on)}, the first day not covered"
         if contract.ends_on else "Renews automatically at the end of each term"),
        ("Notice period", "Until the day before the next term begins"
         if contract.ends_on is None else ""),
        ("Billing time zone", zone_text(zone)),
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
    zone = provider.billing_zone()
    html = contract_html(
        contract=contract,
        reference=reference,
        zone=zone,
        acceptance=acceptance_of(contract, zone=zone),
        **parties,
    )
    content = pdf_of(html=html, identifier=reference)
    store_once(ContractDocument(contract=contract, **parties), content=content, now=now)


def contract_document(*, contract: Contract) -> ContractDocument:
    """The stored document, checked. Raises `DocumentNotReady` or `DocumentDamaged`."""
    stored = ContractDocument.objects.filter(contract=contract).first()
    return checked(stored, name=f"PDF of contract {contract.pk}")
