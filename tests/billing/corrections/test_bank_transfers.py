"""Bank transfers: booked once, and never above the unpaid amount."""

from datetime import date, timedelta

import pytest

from billing.corrections.bank_transfers import record_transfer
from billing.corrections.voids_and_write_offs import void_invoice, write_off
from billing.models import Payment
from billing.payments.balance_lock import ChargeIsRunning, CorrectionRefused
from billing.payments.charging import charge_invoice
from billing.payments.mails import queue_charge_failed_mail
from core.outbox.models import OutboxMessage
from tenants.models import AuditEntry
from tests.billing.corrections.conftest import LATER, STAFF
from tests.billing.payments.test_charging import set_card_answer

DAY = date(2026, 11, 2)


def transfer(invoice, amount_minor=33_000, **more):
    return record_transfer(
        invoice_id=invoice.pk,
        amount_minor=amount_minor,
        **{
            "received_on": DAY,
            "reference": "Statement 12",
            "actor": STAFF,
            "now": LATER,
            **more,
        },
    )


def test_partial_transfers_pay_the_invoice_in_full(scenario):
    invoice = scenario.invoice()

    first = transfer(invoice, 10_000)
    assert (invoice.owed_minor, invoice.status) == (23_000, "partially_paid")
    transfer(invoice, 23_000)

    assert (invoice.owed_minor, invoice.status) == (0, "paid")
    assert (first.recorded_by_name, first.reference) == (STAFF.name, "Statement 12")
    entries = AuditEntry.objects.filter(action="payment.recorded", subject=invoice.number)
    assert entries.count() == 2


def test_a_transfer_above_the_unpaid_amount_is_refused(scenario):
    invoice = scenario.invoice()
    transfer(invoice, 30_000)

    with pytest.raises(CorrectionRefused, match=r"\$30.00 is unpaid .* \$0.01 too much") as refused:
        transfer(invoice, 3_001)

    assert refused.value.field == "amount"
    assert Payment.objects.count() == 1


def test_the_same_transfer_is_booked_once(scenario):
    invoice = scenario.invoice()
    transfer(invoice, 10_000)

    with pytest.raises(CorrectionRefused, match="recorded already"):
        transfer(invoice, 10_000)

    assert transfer(invoice, 10_000, reference="Statement 13").amount_minor == 10_000


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"amount_minor": 0}, "Enter the amount"),
        ({"amount_minor": -1}, "Enter the amount"),
        ({"received_on": date(2026, 11, 4)}, "in the future"),
        ({"received_on": date(2026, 10, 31)}, "issued on 1 November 2026"),
        ({"reference": " "}, "reference"),
    ],
)
def test_an_impossible_transfer_is_refused(scenario, changes, words):
    with pytest.raises(CorrectionRefused, match=words):
        transfer(scenario.invoice(), **changes)


def test_a_transfer_on_a_void_invoice_is_refused(scenario):
    invoice = scenario.invoice()
    void_invoice(invoice_id=invoice.pk, reason="Wrong buyer", actor=STAFF, now=LATER)

    with pytest.raises(CorrectionRefused, match="void"):
        transfer(invoice)


def test_a_transfer_after_the_write_off_is_booked(scenario):
    invoice = scenario.invoice()
    write_off(invoice_id=invoice.pk, reason="Insolvent", actor=STAFF, now=LATER)
    invoice.refresh_from_db()

    transfer(invoice, 10_000)
    assert (invoice.status, invoice.owed_minor) == ("uncollectible", 0)
    transfer(invoice, 23_000)

    assert (invoice.status, invoice.amounts.cancelled_minor) == ("paid", 0)
    with pytest.raises(CorrectionRefused, match=r"\$0.00 is unpaid"):
        transfer(invoice, 1, reference="Statement 13")


def test_a_transfer_is_refused_while_a_charge_runs(scenario):
    scenario.card()
    invoice = scenario.invoice()
    scenario.stripe.fault("commit_then_timeout", path="/v1/payment_intents")
    assert charge_invoice(invoice_id=invoice.pk, now=LATER).state == "unknown"

    with pytest.raises(ChargeIsRunning):
        transfer(invoice)

    assert charge_invoice(invoice_id=invoice.pk, now=LATER).state == "succeeded"
    with pytest.raises(CorrectionRefused, match=r"\$0.00 is unpaid"):
        transfer(invoice)
    assert invoice.amounts.overpaid_minor == 0


def test_the_confirmation_link_is_dead_after_the_transfer(scenario):
    scenario.card()
    set_card_answer(scenario, "authentication_required")
    invoice = scenario.invoice()
    attempt = charge_invoice(invoice_id=invoice.pk, now=LATER)

    transfer(invoice)

    attempt.refresh_from_db()
    assert attempt.decline_code == "withdrawn"
    queue_charge_failed_mail(attempt_id=attempt.pk, now=LATER)
    mails = OutboxMessage.objects.filter(
        topic="billing.document_mail", key__startswith="charge-failed:"
    )
    assert not mails.exists(), "no bank refused anything"
    intent = scenario.stripe.client().v1.payment_intents.retrieve(attempt.stripe_payment_intent_id)
    assert intent.status == "canceled"
    assert charge_invoice(invoice_id=invoice.pk, now=LATER, cause="retry:1:1") is None


def test_a_transfer_changes_nothing_without_an_answer_of_stripe(scenario):
    scenario.card()
    set_card_answer(scenario, "authentication_required")
    invoice = scenario.invoice()
    attempt = charge_invoice(invoice_id=invoice.pk, now=LATER)
    scenario.stripe.fault("timeout", path="/v1/payment_intents/*", method="*", times=3)

    with pytest.raises(ChargeIsRunning, match="Stripe did not answer"):
        transfer(invoice)

    attempt.refresh_from_db()
    assert (attempt.state, Payment.objects.count()) == ("needs_confirmation", 0)


def test_a_retry_charges_the_rest_after_a_transfer(scenario):
    scenario.card()
    set_card_answer(scenario, "insufficient_funds")
    invoice = scenario.invoice()
    charge_invoice(invoice_id=invoice.pk, now=LATER)
    transfer(invoice, 30_000)
    set_card_answer(scenario, "approve")

    again = charge_invoice(invoice_id=invoice.pk, now=LATER + timedelta(days=1), cause="retry:1:1")

    assert (again.amount_minor, invoice.owed_minor) == (3_000, 0)
