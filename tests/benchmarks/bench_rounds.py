"""Alerts, dunning, reminders and snapshots over 10,000 providers of which nothing is due.

Measured is CPU time, of this process and of its PostgreSQL backend. Some providers have a schema
with organizations, contracts, cards and invoices; the others are rows with the looks that a round
records, because an idle round must not go further: it is refused that a statement names any
provider's schema. A pass over all, which every round was before decision 0044, is measured on those
with a schema and multiplied.
"""

import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.due_providers import changes_of, record_looks, take_changes
from accounts.models import Provider, RoundLook
from accounts.provider_batches import due_batches
from billing.models import Invoice
from core.schema import provider_schema
from tenants.models import MeteringPolicy
from tests.benchmarks.paying_provider import default_card, pay_as_you_go
from tests.benchmarks.result import Result
from tests.proofs.rounds_stage import every_round
from tests.providers import open_provider

PROVIDERS = 10_000
CHANGED = 10
MOST_SECONDS = 2.0
ROUNDS = 3
CREATED = datetime(2026, 9, 1, tzinfo=UTC)
NOW = datetime(2026, 9, 20, 12, tzinfo=UTC)
# More than any provider of a run has.
MOST_CHANGES = 10**6

FILL = """
    INSERT INTO tenants_organization (name, created_at, user_cap)
        SELECT 'Organization ' || n, %(created)s, 12 + n FROM generate_series(1, 20) n;
    INSERT INTO tenants_manageduser (organization_id, email, added_at)
        SELECT o.id, n || '@bench.example', %(created)s
        FROM tenants_organization o, generate_series(1, 10) n;
"""


def run(*, full: bool) -> list[Result]:
    """200 schemas of 10,000 providers if `full`, else 20."""
    own = [_filled(f"W{number}") for number in range(200 if full else 20)]
    _come_to_rest(own)
    all_of = _cpu(lambda: _look_at_all(own)) * PROVIDERS / len(own)
    _come_to_rest(own)
    _add_rows(PROVIDERS - len(own), beside=own)
    with CaptureQueriesContext(connection) as seen:
        idle = min(_cpu(_idle_rounds) for _ in range(ROUNDS))
    _refuse_schemas(seen)
    _change(own[:CHANGED])
    busy = _cpu(lambda: _come_to_rest(own))
    of = f"over_{PROVIDERS}_providers"
    return [
        Result(f"idle_rounds_{of}_to_{MOST_SECONDS:g}_s", idle, MOST_SECONDS, "s", 1.0),
        Result(f"rounds_{of}_with_{CHANGED}_changed_to_idle_ones", busy, idle, "s"),
        Result(f"rounds_that_look_at_all_{of}_to_idle_ones", all_of, idle, "s"),
    ]


def _cpu(work: Callable[[], object]) -> float:
    """Seconds of CPU time, of this process and of its backend, which runs on this machine."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = Path(f"/proc/{cursor.fetchone()[0]}/stat")
    before = time.process_time(), _backend_seconds(backend)
    work()
    return time.process_time() - before[0] + _backend_seconds(backend) - before[1]


def _backend_seconds(stat: Path) -> float:
    user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _look_at_all(providers: Sequence[Provider]) -> None:
    for round_ in every_round():
        for provider in providers:
            round_.look(provider, NOW)


def _come_to_rest(providers: Sequence[Provider]) -> None:
    """Run the rounds until nothing is due; a batch keeps its connection."""
    is_due = True
    while is_due:
        is_due = False
        for round_ in every_round():
            take_changes()
            due = list(round_.due(now=NOW).filter(pk__in=[each.pk for each in providers]))
            is_due = is_due or bool(due)
            seen = changes_of([provider.pk for provider in due])
            again_at = {provider.pk: round_.look(provider, NOW).again_at for provider in due}
            record_looks(round_=round_.round_, seen=seen, again_at=again_at)


def _idle_rounds() -> None:
    for round_ in every_round():
        if due_batches(round_, now=NOW):
            raise RuntimeError(f"A provider is due for {round_.round_.title}.")


def _refuse_schemas(seen: CaptureQueriesContext) -> None:
    schemas = set(Provider.objects.values_list("schema_name", flat=True))
    for query in seen:
        named = schemas & set(query["sql"].replace('"', " ").replace("'", " ").split())
        if named:
            raise RuntimeError(f"An idle round names the schema of a provider: {query['sql']}")


def _change(providers: Sequence[Provider]) -> None:
    for provider in providers:
        with provider_schema(provider), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO tenants_manageduser (organization_id, email, added_at)"
                " SELECT min(id), 'new@bench.example', %s FROM tenants_organization",
                [NOW],
            )


def _add_rows(count: int, *, beside: Sequence[Provider]) -> None:
    """Providers without a schema, with the looks that an earlier round recorded.

    So have those that other benchmarks of this run left in the database.
    """
    left = list(Provider.objects.exclude(pk__in=[each.pk for each in beside]))
    rows = left + Provider.objects.bulk_create(
        Provider(
            name=f"Row {number}",
            schema_name=f"row_{number}",
            invoice_prefix=f"Z{number}",
            contact_name="Connie",
            contact_email="billing@bench.example",
            state=Provider.State.ACTIVE,
        )
        for number in range(count)
    )
    RoundLook.objects.bulk_create(
        [
            RoundLook(
                provider=row,
                round=round_.round_.name,
                changes=MOST_CHANGES,
                again_at=NOW + timedelta(hours=1 + row.pk % 700),
            )
            for row in rows
            for round_ in every_round()
        ],
        update_conflicts=True,
        unique_fields=["round", "provider"],
        update_fields=["changes", "again_at"],
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE accounts_provider, accounts_roundlook, accounts_changecount")


def _filled(prefix: str) -> Provider:
    """20 organizations of 10 users, a contract, a card, an invoice that is not due yet."""
    provider = open_provider(canary=prefix, prefix=prefix)
    with provider_schema(provider), connection.cursor() as cursor:
        MeteringPolicy.objects.update(free_user_limit=None)
        for statement in FILL.strip().split(";")[:-1]:
            cursor.execute(statement, {"created": CREATED})
        pay_as_you_go(starts_on=date(2026, 1, 1), unit_price="7", automatic_limit_minor=0)
        default_card(since=CREATED)
        Invoice.objects.create(
            number=f"{prefix}-000001",
            kind="usage",
            month=date(2026, 8, 1),
            collection="by_invoice",
            currency="USD",
            subtotal_minor=7_000,
            tax_rate=0,
            tax_minor=0,
            total_minor=7_000,
            issued_at=CREATED,
            due_date=date(2026, 10, 1),
            period_starts_at=datetime(2026, 8, 1, tzinfo=UTC),
            period_ends_at=CREATED,
            billing_time_zone="UTC",
            seller={},
            buyer={"name": provider.name, "emails": []},
            contract_summary={},
        )
    return provider
