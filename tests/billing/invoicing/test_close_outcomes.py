"""Outcomes of a close without an invoice, and the package on an invoice."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.contracts.billed_periods import update_billed_periods
from billing.documents.invoice_content import invoice_content
from billing.invoicing.month_close import close_month
from billing.models import Contract, Invoice
from core.actors import SYSTEM_ACTOR
from core.months import Month
from tenants.models import MeteringPolicy
from tests.billing.conftest import NOVEMBER

OCTOBER = Month(2026, 10)


def test_the_invoice_and_its_pdf_keep_the_name_of_the_package(scenario):
    scenario.contract()
    scenario.organization(users=3)

    close_month(provider=scenario.provider, month=OCTOBER, now=NOVEMBER)

    invoice = Invoice.objects.get()
    assert invoice.contract_summary["package_name"] == "Complete"
    assert invoice_content(invoice=invoice, lines=invoice.lines.all()).package == "Complete"


@pytest.mark.parametrize(
    ("terms", "outcome"),
    [
        ({"ends_on": "2026-10-01"}, "No active contract, nothing to invoice"),
        ({"unit_price": Decimal(0)}, "Nothing is owed, nothing to invoice"),
    ],
)
def test_a_month_without_an_invoice_says_why(scenario, terms, outcome):
    scenario.contract(**terms)
    scenario.organization(users=30)

    run = close_month(provider=scenario.provider, month=OCTOBER, now=NOVEMBER)

    assert (run.invoices, run.outcome) == (0, outcome)


def test_a_month_that_ended_before_the_first_card_stays_free_when_closed_late(scenario):
    scenario.contract()
    MeteringPolicy.objects.update(free_user_limit=10)
    scenario.organization(users=9)

    Contract.objects.update(billed_from=NOVEMBER)
    update_billed_periods(provider=scenario.provider, actor=SYSTEM_ACTOR, now=NOVEMBER)
    october = close_month(provider=scenario.provider, month=OCTOBER, now=NOVEMBER)
    november = close_month(
        provider=scenario.provider, month=OCTOBER.next, now=NOVEMBER + timedelta(days=31)
    )

    assert (october.invoices, october.outcome) == (0, "Free allowance, nothing to invoice")
    assert november.invoices == 1
