"""Refunds made in Stripe's dashboard: booked once, with their credit note."""

import pytest
from django.utils import timezone

from accounts.models import Provider
from billing.models import ChargeAttempt, CreditNote, Payment, Refund, WebhookEvent
from billing.payments.charging import charge_invoice
from core.schema import provider_schema
from tests.billing.payments.test_chargebacks import receive_events

State = Refund.State


@pytest.fixture
def paid(scenario):
    """An invoice that the card paid."""
    scenario.card()
    invoice = scenario.invoice()
    charge_invoice(invoice_id=invoice.pk, now=timezone.now())
    return invoice


def refund_at_stripe(scenario, invoice, **order):
    payment = invoice.payments.get()
    order["payment_intent"] = payment.stripe_payment_intent_id
    return scenario.stripe.control("POST", "refunds", **order)["id"]


@pytest.mark.parametrize("types", ["refund.", "charge.refunded"])
def test_a_dashboards_refund_is_booked_once_with_a_credit_note(scenario, paid, types):
    refund = refund_at_stripe(scenario, paid, amount=3_000)

    receive_events(scenario, types)
    receive_events(scenario, "refund.", "charge.refunded")

    with provider_schema(scenario.provider):
        row = Refund.objects.get()
        assert (row.state, row.amount_minor, row.stripe_refund_id) == (
            State.SUCCEEDED,
            3_000,
            refund,
        )
        assert CreditNote.objects.get().total_minor == 3_000
        assert (paid.paid_minor, paid.owed_minor) == (30_000, 0)


def test_several_refunds_of_a_payment_are_each_booked(scenario, paid):
    refund_at_stripe(scenario, paid, amount=1_000)
    refund_at_stripe(scenario, paid, amount=2_000)

    receive_events(scenario, "charge.refunded")

    with provider_schema(scenario.provider):
        amounts = sorted(Refund.objects.values_list("amount_minor", flat=True))
        assert amounts == [1_000, 2_000]
        assert (paid.paid_minor, paid.owed_minor) == (30_000, 0)


def test_a_refund_returned_by_the_bank_does_not_count(scenario, paid):
    refund = refund_at_stripe(scenario, paid, amount=3_000)
    receive_events(scenario, "refund.created")
    scenario.stripe.control("POST", "refunds/fail", refund=refund)
    receive_events(scenario, "refund.failed")

    with provider_schema(scenario.provider):
        assert Refund.objects.get().state == State.FAILED
        assert paid.paid_minor == 33_000


def test_a_refund_event_before_its_payment_event_records_both(scenario):
    scenario.card()
    invoice = scenario.invoice()
    scenario.stripe.fault("commit_then_timeout", path="/v1/payment_intents")
    attempt = charge_invoice(invoice_id=invoice.pk, now=timezone.now())
    assert attempt.state == ChargeAttempt.State.UNKNOWN
    (intent,) = scenario.stripe.client().v1.payment_intents.list().data
    scenario.stripe.control("POST", "refunds", payment_intent=intent.id)

    receive_events(scenario, "charge.refunded")

    with provider_schema(scenario.provider):
        assert Payment.objects.get().amount_minor == 33_000
        assert Refund.objects.get().payment == Payment.objects.get()
        assert invoice.owed_minor == 0


def test_a_refund_of_a_dashboard_payment_is_ignored(scenario):
    card = scenario.card()
    intent = scenario.stripe.client().v1.payment_intents.create(
        {
            "amount": 4_200,
            "currency": "usd",
            "customer": scenario.customer(),
            "payment_method": card.stripe_payment_method_id,
            "confirm": True,
            "off_session": True,
        }
    )
    scenario.stripe.control("POST", "refunds", payment_intent=intent.id)

    receive_events(scenario, "refund.", "charge.refunded")

    with provider_schema(scenario.provider):
        assert not Refund.objects.exists()
        assert WebhookEvent.objects.filter(applied_at=None).count() == 0


def test_another_providers_refund_is_booked_there_only(scenario, paid, south):
    refund_at_stripe(scenario, paid, amount=3_000)

    receive_events(scenario, "refund.", "charge.refunded")

    with provider_schema(south):
        assert not Refund.objects.exists()
        assert not WebhookEvent.objects.exists()
    assert Provider.objects.filter(pk=south.pk).exists()
