"""Invoices that were paid, and the people who correct them."""

from datetime import timedelta

import pytest

from billing.choices import LineKind
from billing.models import Invoice, InvoiceLine, Payment
from billing.payments.charging import charge_invoice
from core.actors import Actor
from tests.billing.conftest import NOVEMBER, BillingScenario

STAFF = Actor(id=99, name="Oona Operations")
LATER = NOVEMBER + timedelta(days=2)


@pytest.fixture
def paid(scenario: BillingScenario) -> Invoice:
    """An invoice of 330 dollars that the card on file has paid."""
    return pay(scenario, scenario.invoice())


def pay(scenario: BillingScenario, invoice: Invoice) -> Invoice:
    """Charge an invoice to a card that lets everything through."""
    if not scenario.provider.stripe_customer_id:
        scenario.card()
    attempt = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    assert attempt is not None
    assert attempt.state == "succeeded"
    return invoice


def payment_of(invoice: Invoice) -> Payment:
    """Return the invoice's only payment."""
    return invoice.payments.get()


def with_lines(
    scenario: BillingScenario, *amounts: int, tax_minor: int = 0, **changes: object
) -> Invoice:
    """An open invoice with a line for each amount before tax."""
    subtotal = sum(amounts)
    invoice = scenario.invoice(
        total_minor=subtotal + tax_minor,
        subtotal_minor=subtotal,
        tax_minor=tax_minor,
        **changes,
    )
    for position, amount in enumerate(amounts, start=1):
        InvoiceLine.objects.create(
            invoice=invoice,
            position=position,
            kind=LineKind.USAGE,
            description=f"Client {position}: highest number of users, October 2026",
            organization_id=position,
            organization_name=f"Client {position}",
            metric="users",
            quantity=amount // 100,
            unit_price=1,
            amount_minor=amount,
        )
    return invoice
