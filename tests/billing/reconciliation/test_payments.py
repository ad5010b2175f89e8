"""The reconciliation of payments: unknown outcomes are settled, differences stored once."""

import logging
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import OPERATIONS_PROVIDER_KEY
from billing import tasks
from billing.gateway import client as gateway
from billing.models import ChargeAttempt, Payment, PaymentDifference
from billing.payments.charging import charge_invoice
from billing.payments.on_session import begin_on_session
from billing.reconciliation.payments import LOOK_BACK, reconcile
from mtp.schedule import BEAT_SCHEDULE

State = ChargeAttempt.State
Kind = PaymentDifference.Kind


@pytest.fixture
def now():
    """The stand-in's payments are made by the real clock."""
    return timezone.now()


def paid(scenario, **changes):
    if not scenario.provider.stripe_customer_id:
        scenario.card()
    invoice = scenario.invoice(**changes)
    attempt = charge_invoice(invoice_id=invoice.pk, now=timezone.now())
    assert attempt.state == State.SUCCEEDED
    return attempt


def kinds():
    rows = PaymentDifference.objects.order_by("pk")
    return [(row.kind, row.stripe_minor, row.recorded_minor, bool(row.settled_at)) for row in rows]


def test_equal_payments_make_no_row(scenario, now, caplog):
    paid(scenario)

    assert reconcile(provider=scenario.provider, now=now) == []

    assert kinds() == []
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_an_unknown_outcome_is_settled(scenario, now):
    scenario.card()
    scenario.stripe.fault("commit_then_timeout", path="/v1/payment_intents")
    attempt = charge_invoice(invoice_id=scenario.invoice().pk, now=now)
    assert attempt.state == State.UNKNOWN

    assert reconcile(provider=scenario.provider, now=now) == []

    attempt.refresh_from_db()
    assert attempt.state == State.SUCCEEDED
    assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 1


def test_a_dashboard_payment_is_one_difference(scenario, now, caplog):
    card = scenario.card()
    scenario.stripe.client().v1.payment_intents.create(
        {
            "amount": 4_200,
            "currency": "usd",
            "customer": scenario.customer(),
            "payment_method": card.stripe_payment_method_id,
            "confirm": True,
            "off_session": True,
        }
    )

    for _ in range(2):
        (difference,) = reconcile(provider=scenario.provider, now=now)

    assert difference.kind == Kind.NOT_BOOKED
    assert kinds() == [(Kind.NOT_BOOKED, 4_200, None, False)]
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1


def test_an_unreported_success_is_booked(scenario, now):
    attempt = paid(scenario)
    Payment.objects.all().delete()
    ChargeAttempt.objects.update(state=State.FAILED, finished_at=now)

    assert reconcile(provider=scenario.provider, now=now) == []

    attempt.refresh_from_db()
    assert attempt.state == State.SUCCEEDED
    assert Payment.objects.get().amount_minor == 33_000


def test_a_payment_unknown_to_stripe_is_a_difference_until_it_is_gone(scenario, now):
    attempt = paid(scenario)
    booked = Payment.objects.create(
        invoice=attempt.invoice,
        method=Payment.Method.CARD,
        amount_minor=500,
        currency="USD",
        received_at=now,
        stripe_payment_intent_id="pi_unknown",
    )

    reconcile(provider=scenario.provider, now=now)
    assert kinds() == [(Kind.NOT_AT_STRIPE, None, 500, False)]

    Payment.objects.filter(pk=booked.pk).update(
        stripe_payment_intent_id=None, method=Payment.Method.BANK_TRANSFER
    )
    reconcile(provider=scenario.provider, now=now + timedelta(days=1))
    assert kinds() == [(Kind.NOT_AT_STRIPE, None, 500, True)]


def test_another_amount_is_a_difference_until_it_is_corrected(scenario, now):
    paid(scenario)
    Payment.objects.update(amount_minor=30_000)

    reconcile(provider=scenario.provider, now=now)
    assert kinds() == [(Kind.AMOUNT, 33_000, 30_000, False)]

    Payment.objects.update(amount_minor=33_000)
    reconcile(provider=scenario.provider, now=now + timedelta(days=1))
    assert kinds() == [(Kind.AMOUNT, 33_000, 30_000, True)]


def test_a_payment_begun_before_the_listed_days_is_read_by_its_id(scenario, now):
    paid(scenario)
    later = now + LOOK_BACK + timedelta(days=1)
    Payment.objects.update(received_at=later)

    assert reconcile(provider=scenario.provider, now=later) == []


def test_the_link_payment_of_a_paid_invoice_is_withdrawn(scenario, now):
    invoice = scenario.invoice()
    begun = begin_on_session(invoice_id=invoice.pk, now=now)
    Payment.objects.create(
        invoice=invoice,
        method=Payment.Method.BANK_TRANSFER,
        amount_minor=33_000,
        currency="USD",
        received_at=now,
    )

    reconcile(provider=scenario.provider, now=now)

    intent = begun.client_secret.partition("_secret_")[0]
    assert gateway.payment(payment_intent_id=intent).is_canceled


def test_no_difference_is_settled_without_an_answer_of_stripe(scenario, now):
    paid(scenario)
    Payment.objects.update(amount_minor=30_000)
    reconcile(provider=scenario.provider, now=now)
    Payment.objects.update(amount_minor=33_000)
    scenario.stripe.fault("timeout", path="/v1/payment_intents", method="GET")

    with pytest.raises(gateway.OutcomeUnknown):
        reconcile(provider=scenario.provider, now=now)

    assert kinds() == [(Kind.AMOUNT, 33_000, 30_000, False)]


def test_reconciliation_continues_after_one_provider_fails(scenario, north, south, monkeypatch):
    seen = []

    def fail_first(*, provider, now):
        seen.append(provider)
        if len(seen) == 1:
            raise gateway.NotDone("busy")

    monkeypatch.setattr(tasks, "reconcile", fail_first)

    tasks.reconcile_payments_of([north.pk, south.pk])

    assert len(seen) == 2
    assert tasks.reconcile_all.name in BEAT_SCHEDULE


def test_operations_see_the_differences(client, people, scenario, now):
    paid(scenario)
    Payment.objects.update(amount_minor=30_000)
    reconcile(provider=scenario.provider, now=now)
    client.force_login(people.staff)
    session = client.session
    session[OPERATIONS_PROVIDER_KEY] = scenario.provider.pk
    session.save()

    page = client.get("/operations/billing/paymentdifference/").content.decode()

    assert "$330.00" in page
    assert "$300.00" in page
