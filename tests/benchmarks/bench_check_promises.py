"""The hourly check of promises over all providers, against their hourly dunning."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime

from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Provider
from accounts.provider_batches import for_each_provider
from billing.choices import Collection, InvoiceKind
from billing.dunning.status import look_at_dunning
from billing.models import (
    ChargeAttempt,
    Invoice,
    InvoiceDocument,
    MonthClose,
    Payment,
)
from billing.provider_check import PROMISES, check_provider
from core.months import Month
from core.operations.models import OperationsAlert
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tests.benchmarks.paying_provider import default_card, pay_as_you_go
from tests.benchmarks.result import Result
from tests.providers import open_provider

LIMIT = 4.0
MONTHS = 24
ROUNDS = 3
FIRST = Month(2024, 11)
NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)


def run(*, full: bool) -> list[Result]:
    """Check 1,000 providers if `full`, else 40, each with two years of charged invoices."""
    providers = [_filled(f"P{number}") for number in range(1000 if full else 40)]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE outbox_outboxmessage")
    checks = min(_seconds(lambda: _check(providers)) for _ in range(ROUNDS))
    floor = min(_seconds(lambda: _update_dunning(providers)) for _ in range(ROUNDS))
    if OperationsAlert.objects.open().exists():
        raise RuntimeError("A promise of the benchmark's providers is broken.")
    with CaptureQueriesContext(connection) as seen:
        check_provider(provider=providers[0], now=NOW)
    return [
        Result(f"check_promises_of_{len(providers)}_providers", checks, floor, "s", LIMIT),
        Result("statements_of_a_check_of_promises", len(seen), 1, " statement"),
    ]


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _check(providers: list[Provider]) -> None:
    ids = [provider.pk for provider in providers]
    for_each_provider(
        ids,
        lambda provider: check_provider(provider=provider, now=NOW),
        round_=PROMISES,
        now=NOW,
    )


def _update_dunning(providers: list[Provider]) -> None:
    for provider in providers:
        look_at_dunning(provider, NOW)


def _filled(prefix: str) -> Provider:
    provider = open_provider(canary=prefix, prefix=prefix)
    with provider_schema(provider):
        pay_as_you_go(starts_on=FIRST.first_day, unit_price="7", automatic_limit_minor=400_000)
        default_card(since=NOW)
        months = [FIRST.plus(months=number) for number in range(MONTHS)]
        MonthClose.objects.bulk_create(
            MonthClose(month=month.first_day, started_at=NOW, issued_at=NOW) for month in months
        )
        invoices = Invoice.objects.bulk_create(_invoice(provider, month) for month in months)
        _pay(provider, invoices)
    return provider


def _invoice(provider: Provider, month: Month) -> Invoice:
    zone = provider.billing_zone()
    return Invoice(
        number=f"{provider.invoice_prefix}-{month}",
        kind=InvoiceKind.USAGE,
        month=month.first_day,
        collection=Collection.AUTOMATIC,
        currency="USD",
        subtotal_minor=7_000,
        tax_rate=0,
        tax_minor=0,
        total_minor=7_000,
        issued_at=month.ends_at(zone),
        due_date=date(month.year, month.month, 1),
        period_starts_at=month.starts_at(zone),
        period_ends_at=month.ends_at(zone),
        billing_time_zone="UTC",
        seller={},
        buyer={"name": provider.name, "emails": []},
        contract_summary={},
    )


def _pay(provider: Provider, invoices: list[Invoice]) -> None:
    """Attempts, payments, documents and finished messages of these invoices."""
    attempts = ChargeAttempt.objects.bulk_create(
        ChargeAttempt(
            invoice=invoice,
            state=ChargeAttempt.State.SUCCEEDED,
            idempotency_key=invoice.number,
            amount_minor=invoice.total_minor,
            currency="USD",
            stripe_payment_method_id="pm_1",
            created_at=invoice.issued_at,
            finished_at=invoice.issued_at,
        )
        for invoice in invoices
    )
    Payment.objects.bulk_create(
        Payment(
            invoice=attempt.invoice,
            attempt=attempt,
            method=Payment.Method.CARD,
            amount_minor=attempt.amount_minor,
            currency="USD",
            received_at=attempt.created_at,
            stripe_payment_intent_id=attempt.idempotency_key,
        )
        for attempt in attempts
    )
    InvoiceDocument.objects.bulk_create(
        InvoiceDocument(invoice=invoice, format=each, content=b"", sha256="", rendered_at=NOW)
        for invoice in invoices
        for each in InvoiceDocument.Format
    )
    OutboxMessage.objects.bulk_create(
        OutboxMessage(
            schema_name=provider.schema_name,
            topic=topic,
            key=f"invoice:{invoice.pk}",
            payload={"invoice_id": invoice.pk},
            created_at=invoice.issued_at,
            due_at=invoice.issued_at,
            finished_at=invoice.issued_at,
        )
        for invoice in invoices
        for topic in ("billing.documents", "billing.charge", "billing.document_mail")
    )
