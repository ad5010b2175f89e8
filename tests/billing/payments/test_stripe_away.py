"""Stripe that does not answer: after three calls nothing waits for it; all is paid afterwards."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import override_settings

from billing import topics
from billing.gateway import client as gateway
from billing.models import ChargeAttempt
from billing.payments.charging import charge_invoice
from core.outbox.delivery import deliver_due, enqueue
from core.outbox.lanes import Lane
from core.outbox.models import OutboxMessage
from tests.billing.conftest import NOVEMBER, BillingScenario

INTENTS = "/v1/payment_intents"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    cache.clear()
    monkeypatch.setattr(gateway, "TIMEOUT", (1.0, 0.3))
    gateway._client.cache_clear()  # noqa: SLF001 - it keeps its timeouts
    with override_settings(OUTSIDE_FAILURES=3):
        yield
    gateway._client.cache_clear()  # noqa: SLF001 - as above
    cache.clear()


def calls(scenario: BillingScenario) -> int:
    """The requests for PaymentIntents that reached the stand-in."""
    requests = scenario.stripe.control("GET", "counters")["requests"]
    return sum(count for url, count in requests.items() if "payment_intents" in url)


def test_charges_wait_without_calls_and_are_done_once_stripe_answers(
    scenario: BillingScenario,
) -> None:
    scenario.card()
    invoices = [
        scenario.invoice(total_minor=1_000 + number, month=f"2026-{number + 1:02}-01")
        for number in range(8)
    ]
    for invoice in invoices:
        payload = {"invoice_id": invoice.pk}
        enqueue(topic=topics.CHARGE, key=f"invoice:{invoice.pk}", payload=payload, now=NOVEMBER)
    scenario.stripe.fault("timeout", path=INTENTS, seconds=1, times=100)
    before = calls(scenario)

    assert deliver_due(now=NOVEMBER, lane=Lane.CHARGES) == 8

    # One call each, without a look-up that would wait as long again.
    assert calls(scenario) - before == 3
    sent = ChargeAttempt.objects.exclude(sent_at=None).count()
    assert (sent, ChargeAttempt.objects.count()) == (3, 8)
    messages = OutboxMessage.objects.filter(topic=topics.CHARGE)
    assert {message.attempts for message in messages} == {0}

    scenario.stripe.calm()
    cache.delete("breaker:STRIPE:paused")
    deliver_due(now=NOVEMBER + timedelta(minutes=2), lane=Lane.CHARGES)
    assert not messages.filter(finished_at=None).exists()
    for invoice in invoices:
        invoice.refresh_from_db()
        assert invoice.status == "paid"
    charged = scenario.stripe.charges(customer=scenario.customer())
    assert (charged["succeeded"], charged["amount_charged"]) == (8, sum(range(1_000, 1_008)))


def test_a_payment_that_stripe_made_without_an_answer_is_found_by_its_key(
    scenario: BillingScenario,
) -> None:
    scenario.card()
    invoice = scenario.invoice()
    scenario.stripe.fault("commit_then_timeout", path=INTENTS, seconds=1)

    attempt = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    assert attempt.state == ChargeAttempt.State.UNKNOWN
    attempt = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER + timedelta(minutes=1))

    assert attempt.state == ChargeAttempt.State.SUCCEEDED
    assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 1
