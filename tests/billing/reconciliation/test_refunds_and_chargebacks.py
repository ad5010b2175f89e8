"""The reconciliation of refunds and chargebacks."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing import tasks
from billing.models import Chargeback, CreditNote, Payment, PaymentDifference, Refund
from billing.reconciliation.payments import LOOK_BACK, reconcile
from billing.reconciliation.recent import book_recent
from core.schema import provider_schema
from tests.billing.reconciliation.test_payments import kinds, paid

Kind = PaymentDifference.Kind


@pytest.fixture
def now():
    """The stand-in's payments are made by the real clock."""
    return timezone.now()


def at_stripe(scenario, name, attempt, **order):
    intent = attempt.stripe_payment_intent_id
    return scenario.stripe.control("POST", name, payment_intent=intent, **order)["id"]


def test_an_unreported_dashboard_refund_is_booked_with_its_note(scenario, now):
    attempt = paid(scenario)
    at_stripe(scenario, "refunds", attempt, amount=1_000)

    assert reconcile(provider=scenario.provider, now=now) == []
    assert reconcile(provider=scenario.provider, now=now) == []

    assert Refund.objects.get().amount_minor == 1_000
    assert CreditNote.objects.get().total_minor == 1_000
    assert kinds() == []


def test_a_refund_unknown_to_stripe_is_a_difference_until_it_is_gone(scenario, now):
    attempt = paid(scenario)
    row = Refund.objects.create(
        payment=Payment.objects.get(attempt=attempt),
        state=Refund.State.SUCCEEDED,
        amount_minor=700,
        currency="USD",
        reason="By hand",
        idempotency_key="refund-unknown",
        stripe_refund_id="re_unknown",
        ordered_at=now,
        finished_at=now,
    )

    for _ in range(2):
        reconcile(provider=scenario.provider, now=now)
    assert kinds() == [(Kind.REFUND, 0, 700, False)]

    Refund.objects.filter(pk=row.pk).update(state=Refund.State.FAILED)
    reconcile(provider=scenario.provider, now=now + timedelta(days=1))
    assert kinds() == [(Kind.REFUND, 0, 700, True)]


def test_an_ordered_refund_that_is_not_sent_yet_is_no_difference(scenario, now):
    attempt = paid(scenario)
    Refund.objects.create(
        payment=Payment.objects.get(attempt=attempt),
        amount_minor=700,
        currency="USD",
        reason="Ordered",
        idempotency_key="refund-ordered",
        ordered_at=now,
    )

    assert reconcile(provider=scenario.provider, now=now) == []


@pytest.mark.parametrize("outcome", ["", "won", "lost"])
def test_an_unreported_chargeback_is_booked(scenario, now, outcome):
    attempt = paid(scenario)
    dispute = at_stripe(scenario, "disputes", attempt)
    if outcome:
        scenario.stripe.control("POST", "disputes/close", dispute=dispute, outcome=outcome)

    assert reconcile(provider=scenario.provider, now=now) == []

    assert Chargeback.objects.get().state == (outcome or "open")
    assert attempt.invoice.owed_minor == (33_000 if outcome == "lost" else 0)


def test_a_dispute_above_the_payment_is_no_difference(scenario, now):
    at_stripe(scenario, "disputes", paid(scenario), amount=40_000)

    assert reconcile(provider=scenario.provider, now=now) == []

    assert Chargeback.objects.get().amount_minor == 33_000


def test_a_chargeback_unknown_to_stripe_is_a_difference(scenario, now):
    attempt = paid(scenario)
    Chargeback.objects.create(
        payment=Payment.objects.get(attempt=attempt),
        stripe_dispute_id="du_unknown",
        amount_minor=33_000,
        currency="USD",
        state=Chargeback.State.LOST,
        opened_at=now,
        closed_at=now,
    )

    for _ in range(2):
        reconcile(provider=scenario.provider, now=now)

    assert kinds() == [(Kind.CHARGEBACK, 0, 33_000, False)]


def test_the_decision_on_an_old_payments_chargeback_is_booked(scenario, now):
    attempt = paid(scenario)
    dispute = at_stripe(scenario, "disputes", attempt)
    reconcile(provider=scenario.provider, now=now)
    scenario.stripe.control("POST", "disputes/close", dispute=dispute, outcome="lost")

    later = now + LOOK_BACK + timedelta(days=60)
    reconcile(provider=scenario.provider, now=later)

    assert Chargeback.objects.get().state == Chargeback.State.LOST


def test_recent_refunds_and_disputes_of_old_payments_are_booked_once(scenario, now):
    first, second = paid(scenario), paid(scenario, month="2026-09-01")
    at_stripe(scenario, "refunds", first, amount=1_000)
    at_stripe(scenario, "disputes", second)
    Payment.objects.update(received_at=now - timedelta(days=100))

    assert (book_recent(now=now), book_recent(now=now)) == (2, 0)

    with provider_schema(scenario.provider):
        assert Refund.objects.get().payment.attempt == first
        assert Chargeback.objects.get().payment.attempt == second


def test_the_daily_task_starts_with_recent_refunds(scenario, now, monkeypatch):
    attempt = paid(scenario)
    at_stripe(scenario, "refunds", attempt, amount=1_000)
    monkeypatch.setattr(tasks.reconcile_payments_of, "delay", lambda _: None)

    tasks.reconcile_all()

    with provider_schema(scenario.provider):
        assert Refund.objects.get().amount_minor == 1_000
