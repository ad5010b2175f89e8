"""Balances too small for a card: carried to the next invoice, or written off."""

import csv
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import override_settings

from billing.choices import Collection
from billing.corrections.bank_transfers import record_transfer
from billing.corrections.credits import credit_amount
from billing.corrections.line_disputes import open_dispute
from billing.corrections.reissue import reissue, terms_as_issued
from billing.corrections.voids_and_write_offs import void_invoice
from billing.documents.invoice_content import invoice_content
from billing.documents.invoice_csv import invoice_csv
from billing.invoicing.month_close import close_month
from billing.models import BillingProfile, CarriedBalance, Chargeback, Invoice, InvoiceDocument
from billing.outbox_handlers import charge
from billing.payments.balance_lock import CorrectionRefused
from billing.payments.charging import charge_invoice
from billing.preview.month_preview import preview_month
from billing.verification.verify import verify_month
from core.months import Month
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tests.billing.conftest import BILL, NOVEMBER, BillingScenario
from tests.billing.corrections.conftest import STAFF, with_lines
from tests.billing.corrections.test_amounts import adds_up
from tests.billing.dunning.test_status import steps
from tests.billing.unpaid_invoices import FORTY_FIVE, hourly
from tests.queued_mails import payload_of

OCTOBER = Month(2026, 10)
BY = {"reason": "Agreed", "actor": STAFF, "now": NOVEMBER}


def small(scenario: BillingScenario, total_minor: int = 25, **changes: object) -> Invoice:
    """An automatic invoice of September that no card can pay."""
    fields = {
        "number": f"EARLIER-{Invoice.objects.count() + 1:06d}",
        "month": "2026-09-01",
        "issued_at": datetime(2026, 10, 1, tzinfo=UTC),
        **changes,
    }
    return scenario.invoice(total_minor=total_minor, **fields)


def close(scenario: BillingScenario, month: Month = OCTOBER) -> list[Invoice]:
    close_month(provider=scenario.provider, month=month, now=NOVEMBER)
    return list(Invoice.objects.filter(month=month.first_day).order_by("pk"))


def fresh(invoice: Invoice) -> Invoice:
    return Invoice.objects.get(pk=invoice.pk)


def test_the_next_invoice_asks_for_it_after_its_tax(scenario: BillingScenario) -> None:
    scenario.card()
    BillingProfile.objects.create(legal_name="North", tax_name="VAT", tax_rate=Decimal(19))
    scenario.organization(users=3)
    earlier = small(scenario)

    (later,) = close(scenario)
    charge({"invoice_id": later.pk}, NOVEMBER)

    assert (later.subtotal_minor, later.tax_minor, later.total_minor) == (3_300, 627, 3_927)
    assert (later.carried_in_minor, later.payable_at_issue_minor) == (25, 3_952)
    earlier, later = fresh(earlier), fresh(later)
    assert later.payments.get().amount_minor == 3_952
    assert (earlier.status, earlier.owed_minor) == ("carried", 0)
    assert (later.status, later.owed_minor) == ("paid", 0)
    assert adds_up(earlier.amounts)
    assert adds_up(later.amounts)
    billed = sum(Invoice.objects.values_list("total_minor", flat=True))
    assert sum(payment.amount_minor for payment in later.payments.all()) == billed


def test_both_invoices_and_their_documents_name_the_other(
    scenario: BillingScenario, client, people
) -> None:
    scenario.card()
    scenario.organization(users=3)
    earlier = small(scenario)
    (later,) = close(scenario)

    lines = list(later.lines.order_by("position"))
    totals = dict(invoice_content(invoice=later, lines=lines).totals)
    assert totals == {
        "Subtotal": "$33.00",
        "Tax": "$0.00",
        "Total": "$33.00",
        f"Carried from {earlier.number}": "$0.25",
        "Amount due": "$33.25 USD",
    }
    rows = list(csv.reader(invoice_csv(invoice=later, lines=lines).decode().splitlines()))
    assert rows[-1][3:5] == ["carried", f"Carried from {earlier.number}"]
    assert rows[-1][10:12] == ["0.25", "USD"]
    assert {len(row) for row in rows} == {len(rows[0])}

    client.force_login(people.bill)
    page = client.get(f"/account/payments/{earlier.pk}/").content.decode()
    assert f"Carried to {later.number}" in page
    assert "Pay now" not in page
    assert f"{earlier.number}</a>" in client.get(f"/account/payments/{later.pk}/").content.decode()
    history = client.get("/account/payments/").content.decode()
    assert f"$0.25 carried to {later.number}" in history
    assert f"$0.25 carried from {earlier.number}" in history
    listed = client.get("/account/payments/?filter=carried").content.decode()
    assert earlier.number in listed
    table = client.get("/account/payments.csv").content.decode().splitlines()
    assert table[0].endswith("Carried in,Carried out")
    assert [row.split(",")[-2:] for row in table[1:]] == [["0.25", "0.00"], ["0.00", "0.25"]]


def test_the_preview_and_the_verification_agree_with_the_close(scenario: BillingScenario) -> None:
    scenario.contract(starts_on="2026-10-01")
    scenario.card()
    scenario.organization(users=3)
    earlier = small(scenario)
    planned = preview_month(provider=scenario.provider, month=OCTOBER, now=NOVEMBER)
    (draft,) = planned.plan.drafts

    (later,) = close(scenario)

    assert draft.payable_minor == later.payable_at_issue_minor == 3_325
    assert [each.invoice for each in planned.plan.carried] == [earlier]
    deliver_due(now=NOVEMBER, schema=scenario.provider.schema_name)
    with provider_schema(scenario.provider):
        assert InvoiceDocument.objects.filter(invoice=later).count() == 2
    found = verify_month(provider=scenario.provider, month=OCTOBER, renders=True)
    assert found.differences == []
    with provider_schema(scenario.provider):
        Invoice.objects.filter(pk=later.pk).update(carried_in_minor=26)
    found = verify_month(provider=scenario.provider, month=OCTOBER, renders=False)
    assert [each.what for each in found.differences] == [
        "issued columns (SHA-256)",
        "carried from earlier invoices",
    ]


def test_nothing_is_charged_mailed_or_dunned_until_then(scenario: BillingScenario, client) -> None:
    scenario.card()
    invoice = small(scenario, due_date="2026-10-01")
    charge({"invoice_id": invoice.pk}, NOVEMBER)
    hourly(scenario, FORTY_FIVE + timedelta(days=60))

    assert steps() == []
    assert not invoice.attempts.exists()
    assert not OutboxMessage.objects.filter(topic__in=["mail.send", "billing.charge"]).exists()


def test_an_invoice_that_is_too_small_is_mailed_without_a_demand(
    scenario: BillingScenario,
) -> None:
    scenario.contract(unit_price=Decimal("0.10"))
    scenario.card()
    scenario.organization(users=3)

    (invoice,) = close(scenario)
    deliver_due(now=NOVEMBER, schema=scenario.provider.schema_name)

    with provider_schema(scenario.provider):
        assert (invoice.total_minor, invoice.collection) == (30, Collection.TOO_SMALL)
        assert not invoice.attempts.exists()
        content = invoice_content(invoice=invoice, lines=[])
        assert content.is_too_small
    mail = payload_of(OutboxMessage.objects.get(topic="billing.document_mail"))
    assert "too small to be charged" in mail["text"]
    assert "/pay/" not in mail["text"] + mail["html"]


@pytest.mark.parametrize(("users", "month_later"), [(1, 35), (2, 45)])
def test_what_stays_too_small_is_carried_on(
    scenario: BillingScenario, users: int, month_later: int
) -> None:
    scenario.contract(unit_price=Decimal("0.10"))
    scenario.card()
    scenario.organization(users=users)
    first = small(scenario)

    (second,) = close(scenario)
    (third,) = close_later(scenario)

    assert (second.collection, second.amounts.owed_minor) == (Collection.TOO_SMALL, 0)
    assert third.carried_in_minor == month_later
    assert all(adds_up(fresh(each).amounts) for each in (first, second, third))
    assert third.amounts.due_minor == 25 + 2 * 10 * users


def close_later(scenario: BillingScenario) -> list[Invoice]:
    november, december = Month(2026, 11), datetime(2026, 12, 1, 0, 10, tzinfo=UTC)
    close_month(provider=scenario.provider, month=november, now=december)
    return list(Invoice.objects.filter(month=november.first_day))


def test_the_limit_counts_the_carried_balance(scenario: BillingScenario) -> None:
    """What is charged automatically is below the limit, carried amounts included."""
    scenario.contract(automatic_limit_minor=3_325)
    scenario.card()
    scenario.organization(users=3)
    small(scenario)

    (invoice,) = close(scenario)

    assert (invoice.total_minor, invoice.collection) == (3_300, Collection.BY_INVOICE)


def short_transfer(scenario: BillingScenario) -> Invoice:
    invoice = small(scenario, 10_000, collection=Collection.BY_INVOICE)
    record_transfer(
        invoice_id=invoice.pk,
        amount_minor=9_980,
        received_on=date(2026, 10, 5),
        reference="S1",
        actor=STAFF,
        now=NOVEMBER,
    )
    return invoice


def credit_that_leaves_cents(scenario: BillingScenario) -> Invoice:
    invoice = small(scenario, 10_000)
    credit_amount(invoice_id=invoice.pk, total_minor=9_980, **BY)
    return invoice


def lost_chargeback(scenario: BillingScenario) -> Invoice:
    invoice = small(scenario, 10_000)
    charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    Chargeback.objects.create(
        payment=invoice.payments.get(),
        stripe_dispute_id="dp_1",
        amount_minor=20,
        currency="USD",
        state=Chargeback.State.LOST,
        opened_at=NOVEMBER,
        closed_at=NOVEMBER,
    )
    return invoice


@pytest.mark.parametrize("leaves", [short_transfer, credit_that_leaves_cents, lost_chargeback])
def test_cents_that_a_change_leaves_are_carried_too(scenario: BillingScenario, leaves) -> None:
    scenario.card()
    scenario.organization(users=3)
    invoice = leaves(scenario)
    assert invoice.amounts.due_minor == 20

    (later,) = close(scenario)

    assert later.carried_in_minor == 20
    assert (fresh(invoice).owed_minor, fresh(invoice).status) == (0, "carried")
    assert adds_up(fresh(invoice).amounts)


@pytest.mark.parametrize("minor", [49, 50])
def test_only_what_no_card_can_pay_is_carried(scenario: BillingScenario, minor: int) -> None:
    scenario.card()
    scenario.organization(users=3)
    small(scenario, minor)

    (later,) = close(scenario)

    assert later.carried_in_minor == (49 if minor == 49 else 0)


def test_a_void_invoice_gives_the_balance_back_and_the_next_close_takes_it(
    scenario: BillingScenario,
) -> None:
    scenario.card()
    scenario.organization(users=3)
    earlier = small(scenario)
    (later,) = close(scenario)

    void_invoice(invoice_id=later.pk, **BY)
    again = reissue(
        invoice_id=later.pk, corrected=terms_as_issued(later), actor=STAFF, now=NOVEMBER
    )

    assert (fresh(earlier).owed_minor, fresh(earlier).status) == (25, "open")
    assert again.carried_in_minor == 0
    (third,) = close_later(scenario)
    assert third.carried_in_minor == 25
    assert all(adds_up(invoice.amounts) for invoice in Invoice.objects.all())


def test_a_carried_invoice_is_neither_voided_nor_credited_above_the_rest(
    scenario: BillingScenario,
) -> None:
    scenario.card()
    scenario.organization(users=3)
    earlier = small(scenario)
    (later,) = close(scenario)

    with pytest.raises(CorrectionRefused, match=f"carried to {later.number}"):
        void_invoice(invoice_id=earlier.pk, **BY)
    with pytest.raises(CorrectionRefused, match="carried to a later invoice"):
        credit_amount(invoice_id=earlier.pk, total_minor=1, **BY)
    assert adds_up(fresh(earlier).amounts)


def test_a_disputed_balance_and_a_running_charge_wait(scenario: BillingScenario) -> None:
    scenario.card()
    scenario.organization(users=3)
    disputed = with_lines(scenario, 25, 20, month="2026-09-01", number="EARLIER-1")
    open_dispute(line=disputed.lines.get(position=1), reason="Why?", actor=BILL, now=NOVEMBER)
    running = small(scenario, 25, month="2026-08-01")
    running.attempts.create(
        idempotency_key="k",
        amount_minor=25,
        currency="USD",
        stripe_customer_id="",
        stripe_payment_method_id="",
        created_at=NOVEMBER,
    )

    close(scenario)

    assert not CarriedBalance.objects.exists()


@pytest.mark.parametrize(
    ("months", "month", "is_written_off"),
    [(12, "2025-10-01", True), (12, "2025-11-01", False), (0, "2026-10-01", True)],
)
def test_without_a_next_invoice_it_is_written_off_after_a_while(
    scenario: BillingScenario, months: int, month: str, is_written_off: bool
) -> None:
    scenario.contract()
    invoice = small(scenario, month=month, kind="order")

    with override_settings(SMALL_BALANCE_MONTHS=months):
        close(scenario)

    invoice = fresh(invoice)
    assert (invoice.status == "uncollectible") == is_written_off
    assert invoice.write_off_reason == ("Too small to be charged to a card" * is_written_off)
    assert adds_up(invoice.amounts)


def test_a_policy_of_no_months_writes_off_and_carries_nothing(scenario: BillingScenario) -> None:
    scenario.card()
    scenario.organization(users=3)
    earlier = small(scenario)

    with override_settings(SMALL_BALANCE_MONTHS=0):
        (later,) = close(scenario)

    assert (later.carried_in_minor, fresh(earlier).status) == (0, "uncollectible")
    assert fresh(earlier).written_off_by_name
