"""Each promise finds what is broken, names the next step, and is settled when it is right again."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Provider, ProviderFigures
from billing import topics
from billing.choices import Collection
from billing.corrections.deliveries import (
    deliver_credit_note_again,
    deliver_invoice_again,
    deliver_refund_again,
)
from billing.models import (
    CreditNote,
    DunningStep,
    MonthClose,
    Payment,
    PaymentDifference,
    PaymentMethod,
    Refund,
    RenewalNotice,
    WebhookEvent,
)
from billing.provider_check import check_provider
from core.operations.models import OperationsAlert
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tests.billing.conftest import BILL, NOVEMBER, BillingScenario
from tests.billing.promises.cases import LATER, attempt, broken, with_documents
from tests.billing.promises.conftest import CLOSED


def test_a_missing_document_is_found_and_rendered(scenario: BillingScenario) -> None:
    invoice = scenario.invoice()
    assert broken(scenario) == {"billing.document": [invoice.number]}
    deliver_invoice_again(invoice=invoice, actor=BILL, now=LATER)
    assert broken(scenario) == {}
    while deliver_due(now=LATER):
        pass
    assert invoice.documents.count() == 2
    assert broken(scenario) == {}


def test_a_missing_credit_note_is_found_and_rendered(scenario: BillingScenario) -> None:
    invoice = with_documents(scenario.invoice())
    note = CreditNote.objects.create(
        number="NORTH-CN-000001",
        invoice=invoice,
        currency="USD",
        subtotal_minor=100,
        tax_rate=0,
        tax_minor=0,
        total_minor=100,
        reason="A test",
        issued_at=NOVEMBER,
        billing_time_zone="UTC",
        seller=invoice.seller,
        buyer=invoice.buyer,
        issued_by_name="Bill",
    )
    assert broken(scenario) == {"billing.document": [note.number]}
    deliver_credit_note_again(note=note, actor=BILL, now=LATER)
    assert broken(scenario) == {}


def test_an_unmailed_invoice_is_found_until_its_mail_exists(scenario: BillingScenario) -> None:
    invoice = with_documents(scenario.invoice(collection=Collection.BY_INVOICE))
    assert broken(scenario) == {"billing.unmailed": [invoice.number]}
    # The alert stays, although mails are looked for in the last weeks only.
    assert "billing.unmailed" in broken(scenario, now=LATER + timedelta(days=60))
    deliver_invoice_again(invoice=invoice, actor=BILL, now=LATER)
    assert "billing.unmailed" not in broken(scenario)
    while deliver_due(now=LATER):
        pass
    assert OutboxMessage.objects.filter(
        topic=topics.DOCUMENT_MAIL, finished_at__isnull=False
    ).exists()


def test_a_month_that_is_not_closed_within_three_hours_is_found(scenario: BillingScenario) -> None:
    scenario.contract()
    MonthClose.objects.filter(month="2026-10-01").delete()
    assert "billing.month" not in broken(scenario, now=CLOSED + timedelta(hours=3))
    late = CLOSED + timedelta(hours=3, seconds=1)
    assert broken(scenario, now=late)["billing.month"] == ["2026-10"]
    Provider.objects.update(closes_automatically=False)
    scenario.provider.refresh_from_db()
    assert "billing.month" not in broken(scenario, now=late)


def test_a_refund_without_a_message_or_a_payout_is_found(scenario: BillingScenario) -> None:
    scenario.card()
    invoice = with_documents(scenario.invoice())
    while deliver_due(now=LATER):
        pass
    by_card = attempt(invoice, "succeeded")
    refunds = []
    for method, paid_by in (("card", by_card), ("bank_transfer", None)):
        payment = Payment.objects.create(
            invoice=invoice,
            attempt=paid_by,
            method=method,
            amount_minor=33_000,
            currency="USD",
            received_at=NOVEMBER,
        )
        refunds.append(
            Refund.objects.create(
                payment=payment,
                amount_minor=100,
                currency="USD",
                reason="A test",
                idempotency_key=method,
                ordered_by_name="Bill",
                ordered_at=NOVEMBER,
            )
        )
    assert broken(scenario) == {"billing.refund": [str(refunds[0].pk)]}
    deliver_refund_again(refund=refunds[0], actor=BILL, now=LATER)
    deliver_refund_again(refund=refunds[1], actor=BILL, now=LATER)
    assert OutboxMessage.objects.filter(topic=topics.REFUND).count() == 1
    assert broken(scenario) == {}
    assert broken(scenario, now=NOVEMBER + timedelta(days=4))["billing.refund"] == [
        str(refunds[1].pk)
    ]


def test_an_event_that_was_not_applied_is_found(scenario: BillingScenario) -> None:
    WebhookEvent.objects.create(
        event_id="evt_1", type="t", object_id="pi_1", created_at=NOVEMBER, received_at=NOVEMBER
    )
    assert broken(scenario) == {"billing.event": ["evt_1"]}
    WebhookEvent.objects.update(applied_at=LATER)
    assert broken(scenario) == {}


def test_an_open_difference_with_stripe_is_an_alert(scenario: BillingScenario) -> None:
    PaymentDifference.objects.create(
        kind="not_booked",
        stripe_payment_intent_id="pi_1",
        currency="USD",
        stripe_minor=500,
        found_at=NOVEMBER,
    )
    assert broken(scenario) == {"billing.difference": ["not_booked:pi_1"]}
    assert "at Stripe $5.00, here nothing" in OperationsAlert.objects.open().get().summary
    PaymentDifference.objects.update(settled_at=LATER)
    assert broken(scenario) == {}


def test_a_dunning_step_that_is_not_recorded_is_found(scenario: BillingScenario) -> None:
    invoice = with_documents(scenario.invoice())
    Provider.objects.update(outstanding_from=NOVEMBER)
    scenario.provider.refresh_from_db()
    overdue = datetime(2026, 11, 2, tzinfo=UTC)
    assert "billing.dunning" not in broken(scenario, now=overdue + timedelta(hours=3))
    late = overdue + timedelta(hours=4)
    assert broken(scenario, now=late)["billing.dunning"] == ["outstanding"]
    # A closed account is not dunned.
    scenario.provider.leaves_at = scenario.provider.closes_at = overdue
    assert "billing.dunning" not in broken(scenario, now=late)
    scenario.provider.leaves_at = scenario.provider.closes_at = None
    DunningStep.objects.create(
        step="outstanding", invoice=invoice, since=overdue, at=late, mailed_at=late
    )
    assert "billing.dunning" not in broken(scenario, now=late)


def test_a_reminder_that_was_not_mailed_is_found(scenario: BillingScenario) -> None:
    contract = scenario.contract(term="annual", ends_on=date(2026, 12, 1))
    card = scenario.card()
    PaymentMethod.objects.update(
        expiry_year=2026, expiry_month=11, became_default_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    now = datetime(2026, 11, 4, 12, tzinfo=UTC)
    assert broken(scenario, now=now)["billing.reminder"] == [
        f"card:{card.pk}",
        f"contract:{contract.pk}:2026-12-01",
    ]
    # A provider that has left gets no reminders.
    scenario.provider.leaves_at = now
    assert "billing.reminder" not in broken(scenario, now=now)
    scenario.provider.leaves_at = None
    PaymentMethod.objects.update(expiry_mailed_at=now)
    RenewalNotice.objects.create(contract=contract, on="2026-12-01", is_end=True, mailed_at=now)
    assert "billing.reminder" not in broken(scenario, now=now)


def test_a_check_that_fails_is_an_alert_and_leaves_the_others(
    scenario: BillingScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = scenario.invoice()
    assert broken(scenario) == {"billing.document": [invoice.number]}
    monkeypatch.setattr("billing.promises.documents._INVOICES", "SELECT broken")
    assert broken(scenario) == {
        "billing.document": [invoice.number],
        "promises.unproved": ["billing.document"],
    }
    monkeypatch.undo()
    assert broken(scenario) == {"billing.document": [invoice.number]}


def test_the_command_lists_what_is_broken_and_fails(
    scenario: BillingScenario, south: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    invoice = scenario.invoice()
    with pytest.raises(CommandError, match="1 promise"):
        call_command("check_promises", provider="north")
    printed = capsys.readouterr()
    assert f"{invoice.number} has no stored document" in printed.err
    assert "Next step: " in printed.err
    call_command("check_promises", provider="south")
    assert "Every promise is kept for 1 provider" in capsys.readouterr().out
    with pytest.raises(CommandError):
        call_command("check_promises")


def test_figures_are_recorded_for_operations(scenario: BillingScenario) -> None:
    scenario.contract(ends_on=date(2026, 12, 1))
    scenario.invoice()
    scenario.invoice(month="2026-09-01", due_date=date(2026, 12, 1), total_minor=100)
    now = datetime(2026, 11, 5, tzinfo=UTC)
    for _ in range(2):
        check_provider(provider=scenario.provider, now=now)
    with provider_schema(scenario.provider):
        figures = ProviderFigures.objects.get()
    assert figures.as_of == now
    assert (figures.unpaid, figures.unpaid_invoices) == ({"USD": 33_100}, 2)
    assert (figures.overdue, figures.overdue_since) == ({"USD": 33_000}, date(2026, 11, 1))
    assert figures.contract_ends_on == date(2026, 12, 1)
    assert figures.months_to_close == 0
