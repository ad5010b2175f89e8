"""Closing a month of many providers, against plain SQL that stores the same amounts."""

import time
from datetime import UTC, date, datetime
from statistics import median

from django.db import connection, transaction

from accounts.models import Provider
from accounts.provider_batches import PROVIDERS_PER_TASK
from billing.invoicing.month_close import close_due_months
from billing.models import Invoice, InvoiceLine
from core.outbox.delivery import batch_wakeups
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tenants.models import MeteringPolicy
from tests.benchmarks.paying_provider import pay_as_you_go
from tests.benchmarks.result import Result
from tests.providers import open_provider

LIMIT = 4.0
ORGANIZATIONS = 100
CREATED = datetime(2026, 9, 3, tzinfo=UTC)
NOW = datetime(2026, 10, 1, 0, 5, tzinfo=UTC)

FILL = """
    INSERT INTO tenants_organization (name, created_at)
        SELECT 'Organization ' || n, %(created)s FROM generate_series(1, %(organizations)s) n;
    INSERT INTO tenants_manageduser (organization_id, email, added_at)
        SELECT o.id, n || '@bench.example', %(created)s
        FROM tenants_organization o, generate_series(1, 3) n;
"""
# The minimum for a month in one statement: frozen rows of organizations without one, and an invoice
# with its lines and the event of each peak.
AMOUNTS = """
    WITH frozen AS (
        INSERT INTO usage_monthlyusage
            (organization_id, metric, month, carried_in, high_water_mark)
        SELECT organization_id, metric, '2026-09-01', count, count FROM usage_organizationcounter c
        WHERE NOT EXISTS (
            SELECT FROM usage_monthlyusage m WHERE m.organization_id = c.organization_id
                AND m.metric = c.metric AND m.month = '2026-09-01')
    ), lines AS (
        SELECT o.id, o.name, m.high_water_mark, m.peak_at, m.peak_event_id,
               e.count_after - e.delta AS count_before, u.email, e.actor_name,
               round(m.high_water_mark * 11.5 * 100)::bigint AS amount
        FROM usage_monthlyusage m
        JOIN tenants_organization o ON o.id = m.organization_id
        LEFT JOIN usage_usageevent e ON e.id = m.peak_event_id
        LEFT JOIN tenants_manageduser u ON u.id = e.subject_id
        WHERE m.month = '2026-09-01' AND m.metric = 'users' AND m.high_water_mark > 0
    ), invoice AS (
        INSERT INTO billing_invoice
            (number, kind, month, collection, currency, subtotal_minor, tax_name, tax_rate,
             tax_minor, total_minor, issued_at, due_date, period_starts_at, period_ends_at,
             billing_time_zone, seller, buyer, contract_summary)
        SELECT 'B-000001', 'usage', '2026-09-01', 'by_invoice', 'USD', sum(amount), '', 0, 0,
               sum(amount), now(), now(), now(), now(), 'UTC', '{}', '{}', '{}'
        FROM lines
        RETURNING id, total_minor
    ), stored AS (
        INSERT INTO billing_invoiceline
            (invoice_id, position, kind, description, organization_id, organization_name, metric,
             quantity, unit_price, amount_minor, peak_event_id, peak_at, peak_count_before,
             peak_subject_name, peak_actor_name)
        SELECT invoice.id, row_number() OVER (ORDER BY lower(name), lines.id), 'usage',
               name || ': highest number of users, September 2026', lines.id, name, 'users',
               high_water_mark, 11.5, amount, peak_event_id, peak_at, count_before,
               coalesce(email, ''), coalesce(actor_name, '')
        FROM lines, invoice
    )
    SELECT total_minor FROM invoice
"""


def run(*, full: bool) -> list[Result]:
    """Close 1,000 providers of 100 organizations if `full`, else 100.

    Alternates the close of a provider with plain SQL in an equal one, so that other load and cached
    catalogs affect both alike. Figures are those of the median provider.
    """
    count = 1000 if full else 100
    bare = [_filled(f"B{number}") for number in range(count)]
    ours = [_filled(f"C{number}") for number in range(count)]
    floors, closes, expected = [], [], 0
    with batch_wakeups():
        for number, (twin, provider) in enumerate(zip(bare, ours, strict=True)):
            if number % PROVIDERS_PER_TASK == 0:
                connection.close()
            seconds, total = _floor(twin)
            floors.append(seconds)
            expected += total
            closes.append(_close(provider))
    OutboxMessage.objects.all().delete()
    _check(ours, expected)
    return [
        Result(
            f"close_of_{count}_providers_with_{ORGANIZATIONS}_organizations",
            count * median(closes),
            count * median(floors),
            "s",
            LIMIT,
        )
    ]


def _filled(prefix: str) -> Provider:
    provider = open_provider(canary=prefix, prefix=prefix)
    with provider_schema(provider), connection.cursor() as cursor:
        MeteringPolicy.objects.update(free_user_limit=None)
        for statement in FILL.strip().split(";")[:-1]:
            cursor.execute(statement, {"created": CREATED, "organizations": ORGANIZATIONS})
        pay_as_you_go(starts_on=date(2026, 9, 1), unit_price="11.5", automatic_limit_minor=400_000)
    return provider


def _floor(provider: Provider) -> tuple[float, int]:
    """Seconds of the plain statement in its transaction, and its total amount."""
    began = time.perf_counter()
    with (
        provider_schema(provider),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(AMOUNTS)
        total = cursor.fetchone()[0]
    return time.perf_counter() - began, total


def _close(provider: Provider) -> float:
    """Seconds of a close, as in the hourly task."""
    began = time.perf_counter()
    if close_due_months(provider=provider, now=NOW) != 1:
        raise RuntimeError(f"{provider} did not close one month.")
    return time.perf_counter() - began


def _check(providers: list[Provider], expected: int) -> None:
    total = 0
    for provider in providers:
        with provider_schema(provider):
            total += Invoice.objects.get().total_minor
            if InvoiceLine.objects.count() != ORGANIZATIONS:
                raise RuntimeError(f"{provider} has lines missing.")
    if total != expected:
        raise RuntimeError(f"Closing came to {total} and the bare statements to {expected}.")
