"""Refunding exactly once with answers, lost answers and repeats of the Stripe stand-in."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings

from billing.corrections import refunds
from billing.corrections.failed_refunds import REFUND_FAILED
from billing.gateway import refunds as stripe_refunds
from billing.gateway.refunds import RefundFacts
from billing.models import CreditNote, Refund
from billing.payments.balance_lock import CorrectionRefused
from billing.payments.charging import PaymentMismatch
from core.operations.models import OperationsAlert
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from tenants.models import AuditEntry
from tests.billing.corrections.conftest import LATER, STAFF, pay, payment_of
from tests.billing.promises.cases import broken
from tests.queued_mails import payload_of

State = Refund.State


def order(invoice, amount_minor=10_000, reason="Agreed by phone"):
    return refunds.order_refund(
        payment=payment_of(invoice),
        amount_minor=amount_minor,
        reason=reason,
        actor=STAFF,
        now=LATER,
    )


def work(scenario, now=LATER):
    deliver_due(now=now, schema=scenario.provider.schema_name)


def refunded_at_stripe(scenario):
    return scenario.stripe.charges(customer=scenario.customer())["amount_refunded"]


def test_a_refund_is_made_and_credited_once(scenario, paid):
    refund = order(paid)
    before = paid.amounts
    assert refund.state == State.PENDING, "a worker sends it to Stripe after the row commits"
    assert refunded_at_stripe(scenario) == 0

    work(scenario)
    refunds.send_refund(refund_id=refund.pk, now=LATER)

    refund.refresh_from_db()
    assert (refund.state, refunded_at_stripe(scenario)) == (State.SUCCEEDED, 10_000)
    note = CreditNote.objects.get()
    assert (note.number, note.total_minor) == (
        f"{scenario.provider.invoice_prefix}-CN-000001",
        10_000,
    )
    assert refund.credit_note == note
    assert before == paid.amounts
    assert (paid.amounts.paid_minor, paid.amounts.credited_minor) == (23_000, 10_000)
    assert (paid.owed_minor, paid.amounts.overpaid_minor, paid.status) == (0, 0, "paid")


def test_a_refund_above_the_payment_is_refused(scenario, paid):
    order(paid, 30_000)

    with pytest.raises(CorrectionRefused, match=r"No more than \$30.00"):
        order(paid, 3_001)

    assert order(paid, 3_000).amount_minor == 3_000
    work(scenario)
    assert refunded_at_stripe(scenario) == 33_000
    assert paid.amounts.credited_minor == 33_000


@pytest.mark.parametrize("amount", [0, -1])
def test_a_refund_without_an_amount_is_refused(paid, amount):
    with pytest.raises(CorrectionRefused):
        order(paid, amount)


def test_a_refund_without_a_reason_is_refused(paid):
    with pytest.raises(CorrectionRefused, match="reason"):
        order(paid, reason="  ")


@pytest.mark.parametrize("kind", ["commit_then_timeout", "timeout", "unsaved_500", "conflict"])
def test_a_lost_answer_is_never_a_second_refund(scenario, paid, kind):
    refund = order(paid)
    scenario.stripe.fault(kind, path="/v1/refunds")

    work(scenario)
    work(scenario, LATER + timedelta(minutes=1))

    refund.refresh_from_db()
    assert refund.state == State.SUCCEEDED
    assert refunded_at_stripe(scenario) == 10_000


@pytest.mark.parametrize("did_its_work", [True, False])
def test_a_saved_error_of_a_refund_is_settled_by_a_look_up(scenario, paid, did_its_work):
    refund = order(paid)
    scenario.stripe.fault("saved_500", path="/v1/refunds", work=did_its_work)

    for hours in (0, 1, 22, 23.5, 25):
        work(scenario, LATER + timedelta(hours=hours))

    refund.refresh_from_db()
    if did_its_work:
        assert (refund.state, refunded_at_stripe(scenario)) == (State.SUCCEEDED, 10_000)
    else:
        assert (refund.state, refunded_at_stripe(scenario)) == (State.FAILED, 0)
        assert paid.amounts.overpaid_minor == 10_000, "it is still to be given back"


def test_a_sent_refund_is_not_sent_again_after_a_day(scenario, paid):
    refund = order(paid)
    scenario.stripe.fault("commit_then_timeout", path="/v1/refunds")
    work(scenario)
    Refund.objects.filter(pk=refund.pk).update(sent_at=LATER - timedelta(days=2))

    work(scenario, LATER + timedelta(minutes=1))

    refund.refresh_from_db()
    assert (refund.state, refunded_at_stripe(scenario)) == (State.SUCCEEDED, 10_000)


def test_a_busy_stripe_postpones_the_refund(scenario, paid):
    refund = order(paid)
    scenario.stripe.fault("rate_limit", path="/v1/refunds")

    work(scenario)
    work(scenario, LATER + timedelta(minutes=1))

    refund.refresh_from_db()
    assert (refund.state, refunded_at_stripe(scenario)) == (State.SUCCEEDED, 10_000)


def test_a_refused_refund_fails_and_stays_overpaid(scenario, paid):
    refund = order(paid, 33_000)
    scenario.stripe.control(
        "POST", "disputes", payment_intent=payment_of(paid).stripe_payment_intent_id
    )

    work(scenario)

    refund.refresh_from_db()
    assert refund.state == State.FAILED
    assert "charged back" in refund.failure_message
    work(scenario, LATER + timedelta(minutes=1))
    mail = OutboxMessage.objects.get(topic="mail.send", key=f"refund-failed:{refund.pk}")
    assert mail.payload["to"] == [settings.SUPPORT_EMAIL]
    assert "charged back" in payload_of(mail)["text"]
    assert paid.amounts.overpaid_minor == 33_000
    assert refunds.refundable_minor(payment_of(paid)) == 33_000, "it never went back"
    logged = AuditEntry.objects.get(action="refund.failed").after
    assert logged["failure"] == "The payment is contested at the bank."
    assert "charged back" not in str(logged)


def test_a_failed_refund_is_an_alert_until_its_money_went_back(scenario, paid):
    refund = order(paid)
    work(scenario)
    refund.refresh_from_db()
    scenario.stripe.control("POST", "refunds/fail", refund=refund.stripe_refund_id)
    refunds.book_refund(
        facts=stripe_refunds.refund(stripe_refund_id=refund.stripe_refund_id), now=LATER
    )
    alert = OperationsAlert.objects.open().get(kind=REFUND_FAILED)
    assert (alert.key, alert.summary) == (
        paid.number,
        f"$100.00 of {paid.number} did not go back to the provider.",
    )
    logged = AuditEntry.objects.get(action="refund.failed").after
    assert logged["failure"] == "The card has expired or was closed."
    assert REFUND_FAILED in broken(scenario)

    order(paid)

    assert REFUND_FAILED not in broken(scenario)


def test_a_refund_returned_by_the_bank_stays_failed(scenario, paid):
    refund = order(paid)
    work(scenario)
    refund.refresh_from_db()
    scenario.stripe.control("POST", "refunds/fail", refund=refund.stripe_refund_id)

    facts = stripe_refunds.refund(stripe_refund_id=refund.stripe_refund_id)
    refunds.book_refund(facts=facts, now=LATER)
    again = refunds.book_refund(facts=replace(facts, state=State.SUCCEEDED), now=LATER)

    assert again.state == State.FAILED
    assert paid.amounts.overpaid_minor == 10_000
    assert order(paid, 10_000).credit_note is None, "it was credited before"
    assert CreditNote.objects.count() == 1


def dashboard_refund(scenario, invoice, amount):
    intent = payment_of(invoice).stripe_payment_intent_id
    made = scenario.stripe.control("POST", "refunds", payment_intent=intent, amount=amount)
    return stripe_refunds.refund(stripe_refund_id=made["id"])


def test_a_refund_at_the_dashboard_is_booked_once_with_a_credit_note(scenario, paid):
    facts = dashboard_refund(scenario, paid, 4_000)

    first = refunds.book_refund(facts=facts, now=LATER)
    again = refunds.book_refund(facts=facts, now=LATER)

    assert first == again
    assert (paid.amounts.paid_minor, paid.owed_minor) == (29_000, 0)
    assert CreditNote.objects.get().reason == "Refunded at Stripe"
    assert OutboxMessage.objects.filter(topic="billing.refund_mail").count() == 1


def test_a_webhook_before_the_answer_records_the_same_refund(scenario, paid):
    refund = order(paid)
    scenario.stripe.fault("commit_then_timeout", path="/v1/refunds")
    work(scenario)
    (facts,) = stripe_refunds.refunds_of(
        payment_intent_id=payment_of(paid).stripe_payment_intent_id
    )

    assert refunds.book_refund(facts=facts, now=LATER) == refund
    work(scenario, LATER + timedelta(minutes=1))

    assert Refund.objects.get().state == State.SUCCEEDED
    assert paid.amounts.credited_minor == 10_000


def refund_facts_with(*, payment_intent_id, amount_minor, refund_key=""):
    return RefundFacts(
        stripe_refund_id="re_1",
        payment_intent_id=payment_intent_id,
        amount_minor=amount_minor,
        currency="USD",
        state=State.SUCCEEDED,
        refund_key=refund_key,
        failure_reason="",
    )


def test_a_refund_with_another_amount_is_a_mismatch(scenario, paid):
    refund = order(paid)

    with pytest.raises(PaymentMismatch):
        refunds.book_refund(
            facts=refund_facts_with(
                payment_intent_id=payment_of(paid).stripe_payment_intent_id,
                amount_minor=9_999,
                refund_key=refund.idempotency_key,
            ),
            now=LATER,
        )


def test_a_refund_of_another_accounts_payment_is_ignored(scenario):
    assert (
        refunds.book_refund(
            facts=refund_facts_with(payment_intent_id="pi_unknown", amount_minor=100), now=LATER
        )
        is None
    )


def test_the_refund_of_a_transfer_is_paid_out_by_operations(scenario):
    invoice = scenario.invoice()
    payment = invoice.payments.create(
        method="bank_transfer", amount_minor=33_000, currency="USD", received_at=LATER
    )
    refund = order(invoice, 33_000)
    work(scenario)
    refund.refresh_from_db()
    assert refund.state == State.PENDING, "only operations pay it out"

    with pytest.raises(CorrectionRefused, match="reference"):
        refunds.book_payout(refund=refund, reference=" ", actor=STAFF, now=LATER)
    booked = refunds.book_payout(refund=refund, reference="SEPA 4711", actor=STAFF, now=LATER)

    assert (booked.state, booked.reference) == (State.SUCCEEDED, "SEPA 4711")
    assert refunds.refundable_minor(payment) == 0
    with pytest.raises(CorrectionRefused, match="does not wait"):
        refunds.book_payout(refund=refund, reference="again", actor=STAFF, now=LATER)


def test_a_contested_payment_is_not_refunded(scenario, paid):
    payment = payment_of(paid)
    payment.chargebacks.create(
        stripe_dispute_id="dp_1", amount_minor=33_000, currency="USD", opened_at=LATER
    )

    with pytest.raises(CorrectionRefused, match=r"\$0.00"):
        order(paid, 100)


def test_a_refund_changes_no_other_invoice(scenario, paid):
    other = pay(scenario, scenario.invoice(month="2026-09-01"))
    order(paid, 33_000)

    assert other.amounts.credited_minor == 0
    assert other.amounts.paid_minor == 33_000
