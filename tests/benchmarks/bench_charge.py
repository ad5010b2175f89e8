"""Charging due invoices by two workers, against the bare SDK in two processes.

Alternates a slice of the invoices with as many bare charges, with the same parameters and stand-in,
so that other load affects both alike. Figures are those of the median slice. The stand-in answers
after 200 ms, sooner than Stripe; a further result has the figure for a stand-in without delay.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from django.test import override_settings

from accounts.models import Provider
from billing import topics
from billing.choices import Collection, InvoiceKind
from billing.gateway import client as gateway
from billing.models import Invoice, Payment
from billing.payments.cards import adopt_card, begin_card_setup, customer_of
from core.actors import SYSTEM_ACTOR
from core.outbox.delivery import NewMessage, batch_wakeups, enqueue_all
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tenants.models import MeteringPolicy
from tests.benchmarks.paying_provider import pay_as_you_go
from tests.benchmarks.result import Result
from tests.providers import open_provider
from tests.sandbox_fixtures import StripeStandIn, start_stripe_stand_in

ROOT = Path(__file__).parents[2]
LEAST_RATE = 0.8
WORKERS = 2
PROVIDERS = 10
WARM = 20
SLICES = 5
ANSWERS_AFTER = 0.2
ALWAYS = 1_000_000
TOTAL = 1_100
NOW = datetime(2026, 11, 1, 0, 10, tzinfo=UTC)


def run(*, full: bool) -> list[Result]:
    """Charge 1,000 invoices of ten providers if `full`, else 100."""
    count = 1000 if full else 100
    process, url = start_stripe_stand_in()
    stripe = StripeStandIn(url, account="bench")
    try:
        with (
            override_settings(STRIPE_API_KEY=stripe.secret_key, STRIPE_API_BASE=url),
            batch_wakeups(),
        ):
            providers = [_provider(number) for number in range(PROVIDERS)]
            at_once = _measured(stripe, providers, count=count // SLICES)
            charges = "/v1/payment_intents"
            stripe.fault("slow", path=charges, seconds=ANSWERS_AFTER, times=ALWAYS)
            later = _measured(stripe, providers, count=count // SLICES)
            _check(providers, count=2 * count)
    finally:
        process.terminate()
        process.communicate(timeout=10)
    OutboxMessage.objects.all().delete()
    name = f"{count}_invoices_charged_by_two_workers_to_the_sdk_alone"
    return [
        # Time per charge: 0.8 times the rate is 1/0.8 of the time.
        Result(name, *later, "ms", 1 / LEAST_RATE),
        Result(f"{name}_where_stripe_answers_at_once", *at_once, "ms"),
    ]


def _provider(number: int) -> Provider:
    provider = open_provider(canary=f"H{number}", prefix=f"H{number}")
    with provider_schema(provider):
        MeteringPolicy.objects.update(free_user_limit=None)
        pay_as_you_go(starts_on=date(2026, 1, 1), unit_price="11", automatic_limit_minor=400_000)
        customer_of(provider)
        secret = begin_card_setup(provider=provider, actor=SYSTEM_ACTOR)
        intent = secret.partition("_secret_")[0]
        gateway.client().v1.setup_intents.confirm(intent, {"payment_method": "pm_card_visa"})
        adopt_card(provider=provider, setup_intent_id=intent, now=NOW)
    return provider


def _measured(
    stripe: StripeStandIn, providers: list[Provider], *, count: int
) -> tuple[float, float]:
    """Milliseconds per charge of the portal and of the SDK, in the median slice."""
    ours, bare = [], []
    with _workers("ours", stripe) as portal, _workers("bare", stripe) as sdk:
        # The first slice only fills caches.
        for number in range(SLICES + 1):
            OutboxMessage.objects.all().delete()
            made = count if number else WARM
            for provider in providers:
                _issue(provider, count=made // PROVIDERS, first=number)
            share = made // WORKERS
            ours.append(_seconds(portal, {"now": NOW.isoformat(), "count": share}) / made)
            bare.append(_seconds(sdk, {"parameters": _parameters(), "count": share}) / made)
    return 1000 * median(ours[1:]), 1000 * median(bare[1:])


def _issue(provider: Provider, *, count: int, first: int) -> None:
    """Create so many due invoices, and the messages that charge them."""
    with provider_schema(provider):
        number = Invoice.objects.count()
        invoices = Invoice.objects.bulk_create(
            _invoice(provider, number + position) for position in range(count)
        )
        orders = [
            NewMessage(topics.CHARGE, f"invoice:{invoice.pk}", {"invoice_id": invoice.pk})
            for invoice in invoices
        ]
        # Due before the messages that charging creates, which are not measured.
        enqueue_all(messages=orders, now=NOW - timedelta(hours=1, minutes=first))


def _invoice(provider: Provider, number: int) -> Invoice:
    month = datetime(2000 + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    return Invoice(
        number=f"{provider.invoice_prefix}-{number:06d}",
        kind=InvoiceKind.USAGE,
        month=month.date(),
        collection=Collection.AUTOMATIC,
        currency="USD",
        subtotal_minor=TOTAL,
        tax_rate=0,
        tax_minor=0,
        total_minor=TOTAL,
        issued_at=NOW,
        due_date=NOW.date(),
        period_starts_at=month,
        period_ends_at=month,
        billing_time_zone="UTC",
        seller={},
        buyer={},
        contract_summary={},
    )


def _parameters() -> Any:
    customer = gateway.client().v1.customers.list({"limit": 1}).data[0]
    card = gateway.client().v1.customers.payment_methods.list(customer.id).data[0]
    request = gateway.ChargeRequest(
        amount_minor=TOTAL,
        currency="USD",
        customer_id=customer.id,
        payment_method_id=card.id,
        provider_id="bench",
        invoice_number="bare",
        invoice_month="2026-10-01",
        invoice_kind="usage",
        attempt_key="bare",
    )
    return request.parameters()


@contextmanager
def _workers(kind: str, stripe: StripeStandIn) -> Iterator[list["subprocess.Popen[str]"]]:
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.charging_worker", kind],
            cwd=ROOT,
            env={
                **os.environ,
                "STRIPE_API_KEY": stripe.secret_key,
                "STRIPE_API_BASE": stripe.url,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(WORKERS)
    ]
    try:
        for worker in started:
            _line(worker)
        yield started
    finally:
        for worker in started:
            worker.kill()
            worker.communicate()


def _line(worker: "subprocess.Popen[str]") -> str:
    assert worker.stdout is not None
    line = worker.stdout.readline()
    if not line:
        raise RuntimeError("A worker ended early.")
    return line


def _seconds(workers: list["subprocess.Popen[str]"], job: dict[str, Any]) -> float:
    """Seconds until all workers have finished the job."""
    began = time.time()
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write(json.dumps(job) + "\n")
        worker.stdin.flush()
    return max(float(_line(worker)) for worker in workers) - began


def _check(providers: list[Provider], *, count: int) -> None:
    """Check that each invoice was charged exactly once."""
    paid = 0
    for provider in providers:
        with provider_schema(provider):
            paid += Payment.objects.count()
    expected = count + 2 * WARM
    if paid != expected:
        raise RuntimeError(f"{paid} of {expected} invoices are paid.")
