"""Refunds with killed workers: one refund at Stripe, and the same amount here."""

import os
import random
import signal
from datetime import date

import pytest

from billing.corrections.refunds import order_refund
from billing.models import Invoice, Refund
from billing.payments.charging import charge_invoice
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tests.billing.conftest import NOVEMBER
from tests.billing.corrections.conftest import STAFF, payment_of
from tests.billing.payments.test_new_card_charges_killed import work
from tests.proofs.close import FAULTS
from tests.proofs.close_worker import Steps

TRIES = 9


def paid_invoice(scenario, number):
    invoice = scenario.invoice(month=date(2000 + number, 1, 1), total_minor=10_000 + number)
    assert charge_invoice(invoice_id=invoice.pk, now=NOVEMBER).state == "succeeded"
    OutboxMessage.objects.all().delete()
    return invoice


def refunded_at_stripe(scenario, invoice):
    return scenario.stripe.charges(**{"metadata[invoice]": invoice.number})["amount_refunded"]


@pytest.mark.proof
def test_a_killed_worker_refunds_once(committed_scenario):
    scenario = committed_scenario
    dice = random.Random(20261122)
    steps = Steps()
    kills = length = 0
    scenario.card()
    for number in range(TRIES):
        scenario.stripe.control("DELETE", "faults")
        invoice = paid_invoice(scenario, number)
        fault = dict(FAULTS[number])
        if fault:
            scenario.stripe.fault(**fault, path="/v1/refunds")
        refund = order_refund(
            payment=payment_of(invoice),
            amount_minor=4_000,
            reason="Agreed",
            actor=STAFF,
            now=NOVEMBER,
        )
        # The note's PDF takes seconds and is no part of it.
        OutboxMessage.objects.exclude(topic="billing.refund").delete()

        steps.arm(dice.randint(1, length) if number else 0)
        status = work(scenario, steps)
        length = length or steps.taken[0] // 2
        kills += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        steps.arm(0)
        assert work(scenario, steps) == 0

        with provider_schema(scenario.provider):
            refund.refresh_from_db()
            gone = refund.amount_minor if refund.state == Refund.State.SUCCEEDED else 0
            assert refund.state != Refund.State.PENDING
            assert refunded_at_stripe(scenario, invoice) == gone, (number, fault)
            amounts = Invoice.objects.get(pk=invoice.pk).amounts
            assert amounts.overpaid_minor == refund.amount_minor - gone
    assert kills >= TRIES // 3
