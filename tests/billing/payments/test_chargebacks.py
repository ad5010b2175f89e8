"""Chargebacks: booked as at Stripe, owed again when lost, never charged automatically."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from accounts.models import Provider
from billing.dunning.stages import DunningStage
from billing.dunning.status import dunning_status
from billing.gateway import disputes as stripe_disputes
from billing.models import ChargeAttempt, Chargeback, Payment, WebhookEvent
from billing.payments.card_invoices import invoices_to_charge
from billing.payments.chargebacks import ABOVE_PAYMENT, book_chargeback
from billing.payments.charging import PaymentMismatch, charge_invoice
from core.operations.models import OperationsAlert
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tenants.models import AuditEntry
from tests.proofs.events import post

State = Chargeback.State


@pytest.fixture
def paid(scenario):
    """An invoice that the card paid, and its payment."""
    scenario.card()
    invoice = scenario.invoice()
    charge_invoice(invoice_id=invoice.pk, now=timezone.now())
    return invoice


def contest(scenario, invoice, **order):
    payment = invoice.payments.get()
    order["payment_intent"] = payment.stripe_payment_intent_id
    return scenario.stripe.control("POST", "disputes", **order)["id"]


def close(scenario, dispute, outcome):
    scenario.stripe.control("POST", "disputes/close", dispute=dispute, outcome=outcome)


def receive_events(scenario, *types):
    """Post every event of these types and deliver the queued work, except charges."""
    rows = scenario.stripe.client().v1.events.list({"limit": 100}).to_dict()["data"]
    for event in reversed(rows):
        if event["type"].startswith(types):
            assert post(event) == 200
    discard_charges()
    deliver_due(now=timezone.now())


def discard_charges():
    OutboxMessage.objects.filter(
        topic__in=("billing.charge", "billing.new_card_charges", "billing.receipt_mail")
    ).delete()


def book(scenario, dispute):
    with provider_schema(scenario.provider):
        facts = stripe_disputes.dispute(stripe_dispute_id=dispute)
        return book_chargeback(facts=facts, now=timezone.now())


def mails():
    rows = OutboxMessage.objects.filter(topic="mail.send").order_by("pk")
    return [(mail.payload["to"], mail.payload["subject"]) for mail in rows]


def test_a_contested_payment_still_counts(scenario, paid):
    dispute = contest(scenario, paid, reason="product_not_received")

    receive_events(scenario, "charge.dispute")

    with provider_schema(scenario.provider):
        row = Chargeback.objects.get()
        assert (row.state, row.amount_minor, row.reason) == (
            State.OPEN,
            33_000,
            "product not received",
        )
        assert (row.stripe_dispute_id, row.payment) == (dispute, paid.payments.get())
        assert row.evidence_due_at > row.opened_at
        assert (paid.paid_minor, paid.owed_minor) == (33_000, 0)
        # Two events of it came: withdrawn and created.
        assert WebhookEvent.objects.filter(type__startswith="charge.dispute").count() == 2
        assert AuditEntry.objects.filter(action="chargeback.open").count() == 1
    assert [subject for _, subject in mails()] == [
        f"{scenario.provider.name}: payment of invoice {paid.number} contested"
    ]


def test_a_lost_chargeback_is_owed_from_that_day_and_never_charged(scenario, paid):
    close(scenario, contest(scenario, paid), "lost")
    receive_events(scenario, "charge.dispute")

    with provider_schema(scenario.provider):
        row = Chargeback.objects.get()
        assert row.state == State.LOST
        assert row.closed_at
        assert (paid.paid_minor, paid.owed_minor) == (0, 33_000)
        assert charge_invoice(invoice_id=paid.pk, cause="again", now=timezone.now()) is None
        assert invoices_to_charge(now=timezone.now()) == []
        # Long due, it counts from the day it came back.
        scenario.provider.refresh_from_db()
        for days, stage in ((0, DunningStage.CURRENT), (2, DunningStage.OUTSTANDING)):
            later = timezone.now() + timedelta(days=days)
            assert dunning_status(provider=scenario.provider, now=later).stage is stage
    assert mails() == [
        (
            [settings.SUPPORT_EMAIL],
            f"{scenario.provider.name}: payment of invoice {paid.number} taken back",
        ),
        (
            paid.buyer["emails"],
            f"The payment of invoice {paid.number} was taken back by your bank",
        ),
    ]


def test_a_won_chargeback_changes_nothing(scenario, paid):
    dispute = contest(scenario, paid)
    receive_events(scenario, "charge.dispute")
    close(scenario, dispute, "won")
    receive_events(scenario, "charge.dispute")

    with provider_schema(scenario.provider):
        assert Chargeback.objects.get().state == State.WON
        assert (paid.paid_minor, paid.owed_minor) == (33_000, 0)
        actions = AuditEntry.objects.filter(action__startswith="chargeback").order_by("pk")
        assert list(actions.values_list("action", flat=True)) == [
            "chargeback.open",
            "chargeback.won",
        ]


def test_a_chargeback_of_a_part_lowers_the_paid_amount(scenario, paid):
    close(scenario, contest(scenario, paid, amount=5_000), "lost")
    receive_events(scenario, "charge.dispute")

    with provider_schema(scenario.provider):
        assert (paid.paid_minor, paid.owed_minor) == (28_000, 5_000)


def test_a_late_report_never_opens_a_decided_chargeback(scenario, paid):
    dispute = contest(scenario, paid)
    early = stripe_disputes.dispute(stripe_dispute_id=dispute)
    close(scenario, dispute, "lost")
    book(scenario, dispute)

    with provider_schema(scenario.provider):
        again = book_chargeback(facts=early, now=timezone.now())

        assert again.state == State.LOST
        assert paid.owed_minor == 33_000


def test_a_dispute_event_before_its_payment_event_records_both(scenario):
    scenario.card()
    invoice = scenario.invoice()
    scenario.stripe.fault("commit_then_timeout", path="/v1/payment_intents")
    attempt = charge_invoice(invoice_id=invoice.pk, now=timezone.now())
    assert attempt.state == ChargeAttempt.State.UNKNOWN
    (intent,) = scenario.stripe.client().v1.payment_intents.list().data
    scenario.stripe.control("POST", "disputes", payment_intent=intent.id)

    receive_events(scenario, "charge.dispute")

    with provider_schema(scenario.provider):
        assert Payment.objects.get().amount_minor == 33_000
        assert Chargeback.objects.get().payment == Payment.objects.get()


@pytest.mark.parametrize("is_seen_open", [True, False])
def test_a_dispute_above_the_payment_takes_back_the_payment(scenario, paid, is_seen_open):
    dispute = contest(scenario, paid, amount=33_001)
    if is_seen_open:
        book(scenario, dispute)
    close(scenario, dispute, "lost")
    book(scenario, dispute)
    book(scenario, dispute)

    with provider_schema(scenario.provider):
        row = Chargeback.objects.get()
        assert (row.state, row.amount_minor) == (State.LOST, 33_000)
        assert (paid.paid_minor, paid.owed_minor) == (0, 33_000)
    alert = OperationsAlert.objects.open().get(kind=ABOVE_PAYMENT)
    assert alert.times_seen == 1
    assert "$330.01" in alert.summary
    assert "$0.01 more" in alert.summary


def test_the_alert_of_a_settled_difference_does_not_come_back(scenario, paid):
    dispute = contest(scenario, paid, amount=33_001)
    book(scenario, dispute)
    OperationsAlert.objects.get(kind=ABOVE_PAYMENT).settle_by_hand(
        by="Oona", note="Booked as our loss.", now=timezone.now()
    )

    book(scenario, dispute)

    assert not OperationsAlert.objects.open().filter(kind=ABOVE_PAYMENT).exists()


def test_a_won_dispute_above_the_payment_settles_its_alert(scenario, paid):
    dispute = contest(scenario, paid, amount=40_000)
    book(scenario, dispute)
    close(scenario, dispute, "won")
    book(scenario, dispute)

    assert OperationsAlert.objects.get(kind=ABOVE_PAYMENT).settled_at


def test_a_dispute_in_another_currency_is_not_booked(scenario, paid):
    facts = stripe_disputes.dispute(stripe_dispute_id=contest(scenario, paid))
    with pytest.raises(PaymentMismatch):
        book_chargeback(facts=replace(facts, currency="EUR"), now=timezone.now())

    with provider_schema(scenario.provider):
        assert not Chargeback.objects.exists()


def test_a_dispute_of_another_accounts_payment_is_ignored(scenario):
    client = scenario.stripe.client().v1
    customer, method = scenario.stripe.customer_with()
    intent = client.payment_intents.create(
        {
            "amount": 900,
            "currency": "usd",
            "customer": customer,
            "payment_method": method,
            "confirm": True,
            "off_session": True,
        }
    )
    scenario.stripe.control("POST", "disputes", payment_intent=intent.id)

    receive_events(scenario, "charge.dispute")

    for provider in Provider.objects.filter(state=Provider.State.ACTIVE):
        with provider_schema(provider):
            assert not Chargeback.objects.exists()
            assert not WebhookEvent.objects.filter(type__startswith="charge.dispute").exists()
    assert not OutboxMessage.objects.filter(
        topic="billing.stripe_event_owner", finished_at=None
    ).exists()


def test_an_inquiry_moves_no_money(scenario, paid):
    inquiry = {
        "id": "du_inquiry",
        "payment_intent": paid.payments.get().stripe_payment_intent_id,
        "amount": 33_000,
        "currency": "usd",
        "status": "warning_needs_response",
        "created": 1_760_000_000,
        "reason": "fraudulent",
    }

    assert book_chargeback(facts=stripe_disputes.dispute_facts(inquiry), now=timezone.now()) is None
    assert not Chargeback.objects.exists()
