"""The statement adds up to the invoices of its month, in rows with names."""

import csv
from datetime import UTC, datetime
from decimal import Decimal

import time_machine
from django.db.models import Sum
from django.test import Client

from billing.corrections.credits import credit_amount, credit_lines
from billing.corrections.voids_and_write_offs import void_invoice
from billing.invoicing.month_close import close_month
from billing.invoicing.month_plan import plan_month
from billing.models import BillingProfile, Contract, CreditNote, Invoice, InvoiceLine
from core.months import Month
from integrations.models import AutotaskConnection
from integrations.statement.month import Statement, statement_of
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tests.integrations.psa_scenario import BILL, PsaScenario
from tests.personas import Personas

MARCH = Month(2026, 3)
APRIL = datetime(2026, 4, 1, 0, 10, tzinfo=UTC)
MAY = datetime(2026, 5, 1, 0, 10, tzinfo=UTC)


def client_of(scenario: PsaScenario, users: int, *, number: int = 0) -> Organization:
    """An organization whose users are there since long ago; not mapped to Autotask."""
    organization = Organization.objects.create(
        name=f"Client {number}", created_at=datetime(2025, 1, 1, tzinfo=UTC)
    )
    scenario.join(organization, users, at=datetime(2026, 1, 5, tzinfo=UTC))
    return organization


def close(scenario: PsaScenario, month: Month, now: datetime) -> Statement:
    close_month(provider=scenario.provider, month=month, now=now)
    return adding_up(month)


def adding_up(month: Month) -> Statement:
    """The statement of a closed month, which must equal its invoices."""
    statement = statement_of(month=month)
    invoices = Invoice.objects.filter(month=month.first_day, voided_at=None)
    totals = invoices.aggregate(total=Sum("total_minor"))
    assert statement.charges.is_issued
    assert statement.charges.total_minor == (totals["total"] or 0)
    rows = [*statement.charges.named]
    clients = sum(row.charged.minor for row in statement.rows if row.charged)
    assert clients + sum(row.minor for row in rows) == statement.charges.total_minor
    return statement


def named(statement: Statement) -> dict[str, int]:
    return {row.name: row.minor for row in statement.charges.named}


def agreed(**changes: object) -> None:
    Contract.objects.update(**changes)


def test_unused_commitment_is_a_row(scenario: PsaScenario) -> None:
    agreed(kind="committed", committed_quantity=14, unit_price=Decimal(10))
    for number, users in enumerate((6, 4)):
        client_of(scenario, users, number=number)
    statement = close(scenario, MARCH, APRIL)
    assert statement.charged_minor == 10_000
    assert named(statement) == {"Unused commitment: 4 users": 4_000}
    assert statement.charges.total_minor == 14_000


def test_usage_reported_late_is_a_row_of_the_month_that_bills_it(scenario: PsaScenario) -> None:
    agreed(unit_price=Decimal(20))
    organization = client_of(scenario, 3)
    close(scenario, MARCH, APRIL)
    scenario.join(organization, 1, at=datetime(2026, 3, 20, tzinfo=UTC))
    before = statement_of(month=MARCH.next).charges
    assert before.total_minor == plan_month(month=MARCH.next).total_minor
    statement = close(scenario, MARCH.next, MAY)
    assert named(statement) == {"Adjustment for March 2026": 2_000}
    assert (statement.charged_minor, statement.charges.total_minor) == (8_000, 10_000)
    assert adding_up(MARCH).charges.total_minor == 6_000


def test_an_adjustment_above_a_commitment_changes_no_share(scenario: PsaScenario) -> None:
    agreed(kind="committed", committed_quantity=5, unit_price=Decimal(10))
    organization = client_of(scenario, 6)
    left = client_of(scenario, 0, number=1)
    close(scenario, MARCH, APRIL)
    scenario.join(organization, 2, at=datetime(2026, 3, 20, tzinfo=UTC))
    close(scenario, MARCH.next, MAY)
    # Of an organization that has no users any more, only the adjustment names a quantity.
    line = InvoiceLine.objects.filter(kind="basis").exclude(adjusted_month=None).get()
    line.pk, line.position, line.organization_id = None, line.position + 100, left.pk
    line.save()
    statement = adding_up(MARCH.next)
    (row,) = statement.rows
    assert row.charged is not None
    assert (row.charged.quantity, row.charged.minor) == (8, 8_000)
    assert named(statement) == {"Adjustment for March 2026": 2_000}


def test_rounding_is_a_row(scenario: PsaScenario) -> None:
    agreed(kind="committed", committed_quantity=1, unit_price=Decimal("0.3333"))
    for number in range(7):
        client_of(scenario, 1, number=number)
    statement = close(scenario, MARCH, APRIL)
    assert statement.charged_minor == 7 * 33
    assert named(statement) == {"Rounding": 2}
    assert statement.charges.total_minor == 233


def test_tax_is_a_row_with_its_name_and_rate(scenario: PsaScenario) -> None:
    BillingProfile.objects.create(legal_name="N", country="DE", tax_name="VAT", tax_rate=19)
    client_of(scenario, 3)
    assert named(close(scenario, MARCH, APRIL)) == {"VAT (19 %)": 120}


def test_a_void_invoice_is_no_charge_and_its_part_of_a_commitment_is_named(
    scenario: PsaScenario,
) -> None:
    agreed(kind="committed", committed_quantity=5, unit_price=Decimal(10))
    client_of(scenario, 8)
    close(scenario, MARCH, APRIL)
    overage = Invoice.objects.get(kind="overage")
    void_invoice(invoice_id=overage.pk, reason="Wrong", actor=BILL, now=APRIL)
    statement = adding_up(MARCH)
    assert named(statement) == {"On a void invoice: 3": -3_000}
    assert statement.charges.total_minor == 5_000
    commitment = Invoice.objects.get(kind="commitment")
    void_invoice(invoice_id=commitment.pk, reason="Wrong", actor=BILL, now=APRIL)
    assert adding_up(MARCH).charges.total_minor == 0


def test_credits_are_shown_beside_what_was_invoiced(scenario: PsaScenario) -> None:
    BillingProfile.objects.create(legal_name="N", country="DE", tax_name="VAT", tax_rate=19)
    client_of(scenario, 3)
    close(scenario, MARCH, APRIL)
    invoice = Invoice.objects.get()
    line = InvoiceLine.objects.get()
    credit_amount(invoice_id=invoice.pk, total_minor=100, reason="Kind", actor=BILL, now=APRIL)
    credit_lines(invoice_id=invoice.pk, line_ids=[line.pk], reason="Rest", actor=BILL, now=APRIL)
    statement = adding_up(MARCH)
    credited = CreditNote.objects.aggregate(total=Sum("total_minor"))["total"]
    assert statement.charges.total_minor == 750
    assert statement.charges.credited_minor == credited > 100
    (row,) = statement.rows
    assert row.charged is not None
    assert (row.charged.minor, row.charged.credited_minor) == (630, 546)


def test_the_csv_adds_up_too(scenario: PsaScenario, people: Personas) -> None:
    BillingProfile.objects.create(legal_name="N", country="DE", tax_name="VAT", tax_rate=19)
    agreed(kind="committed", committed_quantity=14, unit_price=Decimal("3.3333"))
    client_of(scenario, 6)
    statement = close(scenario, MARCH, APRIL)
    bill = Client()
    bill.force_login(people.bill)
    with time_machine.travel(APRIL, tick=False):
        page = bill.get("/integrations/autotask/statement/?month=2026-03").text
        content = bill.get("/integrations/autotask/statement.csv?month=2026-03").content
        found = bill.get("/integrations/autotask/statement.csv?month=2026-03&q=Client").content
    rows = list(csv.DictReader(content.decode("utf-8-sig").splitlines()))
    total = sum(Decimal(row["Charged amount"]) for row in rows) * 100
    assert total == statement.charges.total_minor
    assert [row["Organization"] for row in rows] == [
        "Client 0",
        *(row.name for row in statement.charges.named),
    ]
    for row in statement.charges.named:
        assert row.name in page
    assert len(found.decode("utf-8-sig").splitlines()) == 2


def test_nothing_is_to_decide_without_a_psa(scenario: PsaScenario, people: Personas) -> None:
    client_of(scenario, 3)
    assert statement_of(month=MARCH).to_decide == 1
    AutotaskConnection.objects.update(credentials="")
    statement = statement_of(month=MARCH)
    assert (statement.to_decide, statement.rows[0].differences) == (0, ())
    bill = Client()
    bill.force_login(people.bill)
    with time_machine.travel(APRIL, tick=False):
        page = bill.get("/integrations/autotask/statement/?month=2026-03").text
    assert "Autotask is not connected" in page
    assert "Needs review" not in page
    assert "Margin" not in page


def test_the_currency_is_the_providers_where_nothing_is_billed(scenario: PsaScenario) -> None:
    client_of(scenario, 3)
    MeteringPolicy.objects.update(free_user_limit=10)
    Contract.objects.all().delete()
    scenario.provider.currency = "EUR"
    statement = statement_of(month=MARCH)
    assert (statement.currency, statement.charges.total_minor) == ("EUR", 0)


def test_a_removed_organization_has_no_link(scenario: PsaScenario, people: Personas) -> None:
    organization = client_of(scenario, 3)
    ManagedUser.objects.update(removed_at=datetime(2026, 3, 9, tzinfo=UTC))
    Organization.objects.filter(pk=organization.pk).update(
        removed_at=datetime(2026, 3, 9, tzinfo=UTC)
    )
    bill = Client()
    bill.force_login(people.bill)
    with time_machine.travel(APRIL, tick=False):
        page = bill.get("/integrations/autotask/statement/?month=2026-03").text
    assert "Client 0" in page
    assert f"/organizations/{organization.pk}/" not in page
