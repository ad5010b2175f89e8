"""New-card charges with killed workers: each invoice is charged once."""

import os
import random
import signal
import traceback
from datetime import date, timedelta
from functools import partial

import pytest
from django.db import connection, connections

from billing.gateway import client as gateway
from billing.models import ChargeAttempt, Invoice
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tests.billing.conftest import NOVEMBER
from tests.proofs.close import FAULTS
from tests.proofs.close_worker import LATER, Steps, release_leases

TRIES = 8
CARDS = ("pm_card_visa", "pm_card_mastercard")


def work(scenario, steps):
    """Run one worker process for three days of the test; return its exit code."""
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            connections.close_all()
            gateway.call = partial(steps.around, gateway.call)
            connection.ensure_connection()
            connection._commit = partial(steps.around, connection._commit)  # noqa: SLF001 - the commit itself
            with connection.execute_wrapper(steps.around):
                for minutes in (*LATER, 49 * 60, 52 * 60):
                    now = NOVEMBER + timedelta(minutes=minutes)
                    while deliver_due(now=now, schema=scenario.provider.schema_name):
                        pass
            code = 0
        except BaseException:  # noqa: BLE001 - the process ends here, whatever it was
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    release_leases(scenario.provider)
    return status


@pytest.mark.proof
def test_a_killed_worker_charges_each_outstanding_invoice_once(committed_scenario):
    scenario = committed_scenario
    dice = random.Random(20261122)
    steps = Steps()
    kills = 0
    scenario.card()
    length = 0
    for number in range(TRIES):
        months = (date(2000 + number, 1, 1), date(2000 + number, 2, 1))
        owed = [scenario.invoice(month=month, total_minor=10_000 + number) for month in months]
        scenario.stripe.control("DELETE", "faults")
        fault = dict(dice.choice(FAULTS)) if number else {}
        if fault:
            scenario.stripe.fault(**fault, path="/v1/payment_intents", skip=dice.randrange(2))
        scenario.card(CARDS[number % 2])
        OutboxMessage.objects.filter(topic__contains="mail").delete()

        steps.arm(dice.randint(1, length) if number else 0)
        status = work(scenario, steps)
        length = length or steps.taken[0] // 2
        kills += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        OutboxMessage.objects.filter(topic__contains="mail").delete()
        steps.arm(0)
        assert work(scenario, steps) == 0

        with provider_schema(scenario.provider):
            for invoice in Invoice.objects.filter(pk__in=[row.pk for row in owed]):
                charged = scenario.stripe.charges(**{"metadata[invoice]": invoice.number})
                assert charged["succeeded"] == 1, (number, fault, invoice)
                assert charged["amount_charged"] == invoice.paid_minor == invoice.total_minor
            assert not ChargeAttempt.objects.filter(finished_at=None).exists()
    assert kills >= TRIES // 2
