"""An automatic invoice is charged, or there is a recorded reason why not, or it is an alert."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from billing import topics
from billing.choices import Collection
from billing.corrections.deliveries import (
    deliver_invoice_again,
)
from billing.models import (
    Chargeback,
    Invoice,
    Payment,
    PaymentMethod,
)
from core.operations.models import OperationsAlert
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from tests.billing.conftest import BILL, NOVEMBER, BillingScenario
from tests.billing.promises.cases import LATER, attempt, broken, message, with_documents


def test_an_automatic_invoice_that_nothing_charges_is_found_and_charged_once(
    scenario: BillingScenario,
) -> None:
    scenario.card()
    invoice = with_documents(scenario.invoice())
    assert broken(scenario) == {"billing.uncharged": [invoice.number]}
    deliver_invoice_again(invoice=invoice, actor=BILL, now=LATER)
    assert broken(scenario) == {}
    # A second click queues nothing that charges: the first message is unfinished.
    deliver_invoice_again(invoice=invoice, actor=BILL, now=LATER)
    assert OutboxMessage.objects.filter(topic=topics.CHARGE).count() == 1
    while deliver_due(now=LATER):
        pass
    assert invoice.paid_minor == invoice.total_minor
    assert broken(scenario) == {}
    deliver_invoice_again(invoice=invoice, actor=BILL, now=LATER)
    while deliver_due(now=LATER):
        pass
    assert invoice.attempts.count() == 1


def test_an_invoice_is_not_looked_for_within_the_first_hour(scenario: BillingScenario) -> None:
    scenario.card()
    with_documents(scenario.invoice())
    assert broken(scenario, now=NOVEMBER + timedelta(minutes=50)) == {}


def pay(invoice: Invoice) -> None:
    Payment.objects.create(
        invoice=invoice,
        method=Payment.Method.BANK_TRANSFER,
        amount_minor=invoice.total_minor,
        currency="USD",
        received_at=NOVEMBER,
    )


def die(invoice: Invoice) -> None:
    message(topics.CHARGE, {"invoice_id": invoice.pk})
    OutboxMessage.objects.update(dead_at=NOVEMBER)


def lose_chargeback(invoice: Invoice) -> None:
    """The bank takes back a part payment; no second charge is made of the rest either."""
    part = invoice.total_minor - 1_000
    attempt(invoice, "succeeded", amount_minor=part)
    payment = Payment.objects.create(
        invoice=invoice,
        method=Payment.Method.CARD,
        amount_minor=part,
        currency="USD",
        received_at=NOVEMBER,
    )
    Chargeback.objects.create(
        payment=payment,
        stripe_dispute_id="dp_1",
        amount_minor=part,
        currency="USD",
        state=Chargeback.State.LOST,
        opened_at=NOVEMBER,
        closed_at=NOVEMBER,
    )
    assert invoice.owed_minor == invoice.total_minor


def change(**fields: object) -> Callable[[Invoice], object]:
    return lambda invoice: Invoice.objects.filter(pk=invoice.pk).update(**fields)


@pytest.mark.parametrize(
    "give_reason",
    [
        pytest.param(lambda _: PaymentMethod.objects.update(replaced_at=NOVEMBER), id="no card"),
        pytest.param(pay, id="paid"),
        pytest.param(change(voided_at=NOVEMBER), id="void"),
        pytest.param(change(written_off_at=NOVEMBER), id="written off"),
        pytest.param(change(collection=Collection.BY_INVOICE), id="by invoice"),
        pytest.param(lambda invoice: attempt(invoice, "unknown"), id="a running attempt"),
        pytest.param(
            lambda invoice: attempt(invoice, "failed", decline_code="lost_card"),
            id="a final decline",
        ),
        pytest.param(
            lambda invoice: attempt(invoice, "failed", retry_at=LATER), id="a retry to come"
        ),
        pytest.param(
            lambda invoice: message(topics.CHARGE, {"invoice_id": invoice.pk}),
            id="a pending message",
        ),
        pytest.param(die, id="a dead message"),
        pytest.param(lose_chargeback, id="a lost chargeback"),
    ],
)
def test_a_recorded_reason_is_no_broken_promise(
    scenario: BillingScenario, give_reason: Callable[[Invoice], object]
) -> None:
    scenario.card()
    invoice = with_documents(scenario.invoice())
    assert "billing.uncharged" in broken(scenario)
    give_reason(invoice)
    assert "billing.uncharged" not in broken(scenario)


def test_a_retry_that_did_not_take_place_is_found(scenario: BillingScenario) -> None:
    scenario.card()
    invoice = with_documents(scenario.invoice())
    attempt(invoice, "failed", retry_at=NOVEMBER)
    assert broken(scenario) == {"billing.uncharged": [invoice.number]}
    assert "did not take place" in OperationsAlert.objects.open().get().summary


def test_an_invoice_that_a_new_card_was_to_pay_is_found(scenario: BillingScenario) -> None:
    old = scenario.card()
    invoice = with_documents(scenario.invoice())
    attempt(invoice, "failed", decline_code="lost_card")
    new = scenario.card("pm_card_mastercard")
    assert new.invoices_to_charge == [invoice.pk]
    assert new.stripe_payment_method_id != old.stripe_payment_method_id
    # Its message is unfinished.
    assert broken(scenario) == {}
    OutboxMessage.objects.filter(topic=topics.NEW_CARD_CHARGES).update(finished_at=NOVEMBER)
    assert broken(scenario) == {"billing.uncharged": [invoice.number]}
    # The bank refused it for good at an earlier invoice of its list: the others are not tried.
    other = with_documents(scenario.invoice(month="2026-09-01"))
    attempt(
        other,
        "failed",
        cause=f"card:{new.pk}",
        decline_code="lost_card",
        stripe_payment_method_id=new.stripe_payment_method_id,
    )
    assert broken(scenario) == {}


def test_what_becomes_due_after_a_success_is_found(scenario: BillingScenario) -> None:
    scenario.card()
    invoice = with_documents(scenario.invoice())
    attempt(invoice, "succeeded", amount_minor=30_000)
    Payment.objects.create(
        invoice=invoice,
        method=Payment.Method.CARD,
        amount_minor=30_000,
        currency="USD",
        received_at=NOVEMBER,
        stripe_payment_intent_id="pi_1",
    )
    assert broken(scenario) == {"billing.uncharged": [invoice.number]}
    assert "$30.00 of" in OperationsAlert.objects.open().get().summary
