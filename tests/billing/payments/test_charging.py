"""Charging exactly once with answers, lost answers and repeats of the Stripe stand-in."""

from dataclasses import replace
from datetime import timedelta

import pytest

from billing.gateway import client as gateway
from billing.gateway.objects import PaymentOutcome
from billing.models import ChargeAttempt, Payment, PaymentMethod
from billing.payments import charging
from billing.payments.charging import charge_invoice
from core.operations.models import OperationsAlert
from core.outbox.models import OutboxMessage
from tests.billing.conftest import NOVEMBER

State = ChargeAttempt.State


def test_a_repeated_charge_charges_the_card_once(scenario):
    scenario.card()
    invoice = scenario.invoice()

    first = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    again = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)

    assert first == again
    assert first.state == State.SUCCEEDED
    assert invoice.status == "paid"
    assert Payment.objects.get().amount_minor == 33_000
    assert scenario.stripe.charges(customer=scenario.customer())["amount_charged"] == 33_000
    assert OutboxMessage.objects.filter(topic="billing.receipt_mail").count() == 1


def test_a_decline_is_stored_and_its_cause_does_not_charge_again(scenario):
    scenario.card()
    set_card_answer(scenario, "insufficient_funds")
    invoice = scenario.invoice()

    attempt = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    again = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)

    assert attempt == again
    assert (attempt.state, attempt.decline_code) == (State.FAILED, "insufficient_funds")
    assert "insufficient funds" in attempt.failure_message
    assert invoice.status == "open"
    assert scenario.stripe.charges(customer=scenario.customer())["failed"] == 1
    assert OutboxMessage.objects.filter(topic="billing.charge_failed_mail").count() == 1


def test_another_cause_charges_after_a_definite_failure(scenario):
    scenario.card()
    set_card_answer(scenario, "insufficient_funds")
    invoice = scenario.invoice()
    charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    set_card_answer(scenario, "approve")

    attempt = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER, cause="retry:1")

    assert attempt.state == State.SUCCEEDED
    assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 1


def test_an_attempt_waits_if_the_bank_wants_a_confirmation(scenario):
    scenario.card()
    set_card_answer(scenario, "authentication_required")
    invoice = scenario.invoice()

    attempt = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    other = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER, cause="retry:1")

    assert attempt.state == State.NEEDS_CONFIRMATION
    assert other == attempt, "an unfinished attempt blocks every other"


@pytest.mark.parametrize("kind", ["commit_then_timeout", "timeout", "unsaved_500", "conflict"])
def test_a_lost_answer_is_never_a_second_charge(scenario, kind):
    scenario.card()
    invoice = scenario.invoice()
    scenario.stripe.fault(kind, path="/v1/payment_intents")

    charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    attempt = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER + timedelta(minutes=1))

    assert attempt.state == State.SUCCEEDED
    assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 1


def test_a_request_is_sent_again_with_the_same_key(scenario):
    scenario.card()
    invoice = scenario.invoice()
    scenario.stripe.fault("commit_then_timeout", path="/v1/payment_intents")

    unknown = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    attempt = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER + timedelta(hours=22))

    assert (unknown.state, attempt.state) == (State.UNKNOWN, State.SUCCEEDED)
    assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 1


def test_an_unknown_outcome_blocks_another_attempt(scenario):
    scenario.card()
    invoice = scenario.invoice()
    scenario.stripe.fault("timeout", path="/v1/payment_intents")

    unknown = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    scenario.stripe.fault("timeout", path="/v1/payment_intents")
    other = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER, cause="card:2")

    assert unknown.state == State.UNKNOWN
    assert other == unknown
    assert ChargeAttempt.objects.count() == 1


@pytest.mark.parametrize("did_its_work", [True, False])
def test_a_saved_error_is_settled_by_a_look_up_at_stripe(scenario, did_its_work):
    scenario.card()
    invoice = scenario.invoice()
    scenario.stripe.fault("saved_500", path="/v1/payment_intents", work=did_its_work)

    attempt = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)

    if did_its_work:
        assert attempt.state == State.SUCCEEDED
        return
    assert attempt.state == State.UNKNOWN
    # The same key gets the same error for a day; then nothing is sent again, only looked up.
    later = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER + timedelta(hours=23, minutes=30))
    assert later.state == State.UNKNOWN
    last = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER + timedelta(hours=24))
    assert (last.state, last.decline_code) == (State.FAILED, "never_arrived")
    retry = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER, cause="retry:1")
    assert retry.state == State.SUCCEEDED
    assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 1


def test_a_forgotten_key_is_never_sent_again(scenario):
    scenario.card()
    invoice = scenario.invoice()
    scenario.stripe.fault("commit_then_timeout", path="/v1/payment_intents")
    unknown = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    assert unknown.state == State.UNKNOWN
    scenario.stripe.control("POST", "idempotency/expire")

    attempt = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER + timedelta(hours=23))

    assert attempt.state == State.SUCCEEDED
    assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 1


def test_after_a_timeout_stripe_is_not_asked_again_at_once(scenario):
    """A look-up in the same run could outlast the lease of the message."""
    scenario.card()
    invoice = scenario.invoice()
    scenario.stripe.fault("commit_then_timeout", path="/v1/payment_intents")
    looked_up = "GET /v1/payment_intents"
    before = scenario.stripe.control("GET", "counters")["requests"].get(looked_up, 0)

    attempt = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)

    assert attempt.state == State.UNKNOWN
    assert scenario.stripe.control("GET", "counters")["requests"].get(looked_up, 0) == before


def test_a_refused_request_is_not_sent_again(scenario):
    """Whatever the cause: with the same card and amount Stripe would refuse it again."""
    scenario.card()
    invoice = scenario.invoice()
    gateway.detach_card(payment_method_id=PaymentMethod.objects.current().stripe_payment_method_id)

    first = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    again = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER, cause="retry:1:3")

    assert first == again
    assert (first.state, first.is_refused_request, first.retry_at) == (State.FAILED, True, None)
    assert ChargeAttempt.objects.count() == 1
    assert OperationsAlert.objects.get().kind == "billing.charge_refused"
    assert first.failure_message not in first.reason

    scenario.card("pm_card_mastercard")
    other = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER, cause="card:2")

    assert other.state == State.SUCCEEDED
    assert OperationsAlert.objects.get().settled_at == NOVEMBER


def test_too_many_requests_keep_the_attempt_for_later(scenario):
    scenario.card()
    invoice = scenario.invoice()
    scenario.stripe.fault("rate_limit", path="/v1/payment_intents")

    with pytest.raises(gateway.NotDone):
        charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    attempt = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)

    assert attempt.state == State.SUCCEEDED
    assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 1


def test_a_processing_payment_is_read_and_not_repeated(scenario):
    scenario.card()
    invoice = scenario.invoice()
    scenario.stripe.control("POST", "payments/hold", times=1)

    waiting = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    still = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER, cause="card:2")
    scenario.stripe.control(
        "POST", "payments/settle", payment_intent=waiting.stripe_payment_intent_id
    )
    attempt = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)

    assert (waiting.state, still.state) == (State.PROCESSING, State.PROCESSING)
    assert attempt.state == State.SUCCEEDED
    assert ChargeAttempt.objects.count() == 1


def test_nothing_is_charged_without_a_debt_or_a_card(scenario):
    invoice = scenario.invoice()
    assert charge_invoice(invoice_id=invoice.pk, now=NOVEMBER) is None

    scenario.card()
    invoice.voided_at = NOVEMBER
    invoice.save()
    assert charge_invoice(invoice_id=invoice.pk, now=NOVEMBER) is None
    assert ChargeAttempt.objects.count() == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount_minor": 1},
        {"currency": "EUR"},
        {"customer_id": "cus_other"},
        {"provider_id": "other"},
        {"attempt_key": "charge-other"},
    ],
)
def test_facts_of_another_payment_settle_nothing(scenario, wrong):
    scenario.card()
    invoice = scenario.invoice()
    attempt = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    facts = gateway.payment(payment_intent_id=attempt.stripe_payment_intent_id)
    Payment.objects.all().delete()
    ChargeAttempt.objects.update(state=State.UNKNOWN, finished_at=None)

    with pytest.raises(charging.PaymentMismatch):
        charging.settle(attempt_id=attempt.pk, facts=replace(facts, **wrong), now=NOVEMBER)

    assert Payment.objects.count() == 0


def test_a_late_report_never_undoes_a_success(scenario):
    scenario.card()
    invoice = scenario.invoice()
    attempt = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    facts = gateway.payment(payment_intent_id=attempt.stripe_payment_intent_id)

    for outcome in PaymentOutcome:
        late = charging.settle(
            attempt_id=attempt.pk, facts=replace(facts, outcome=outcome), now=NOVEMBER
        )
        assert late.state == State.SUCCEEDED
    assert Payment.objects.count() == 1


def set_card_answer(scenario, answer, **advice):
    scenario.stripe.control(
        "POST",
        "cards",
        payment_method=PaymentMethod.objects.current().stripe_payment_method_id,
        answer=answer,
        **advice,
    )
