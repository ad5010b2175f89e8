"""The nightly snapshot over all providers, against one INSERT … SELECT from one shared table."""

import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context

from django.db import connection, connections

from accounts.models import Provider
from accounts.provider_batches import PROVIDERS_PER_TASK
from core.schema import provider_schema
from tenants.models import MeteringPolicy
from tests.benchmarks.result import Result
from tests.providers import open_provider
from usage.ledger.snapshots import due_snapshots, take_snapshots
from usage.ledger.verify import verify_ledger

LIMIT = 3.0
ORGANIZATIONS = 100
ROUNDS = 6
# Each batch is a task: a worker has as many processes as the machine has cores.
WORKERS = 2
CREATED = datetime(2026, 10, 1, tzinfo=UTC)
FIRST_NIGHT = datetime(2026, 10, 2, 0, 10, tzinfo=UTC)

FILL = """
    INSERT INTO tenants_organization (name, created_at)
        SELECT 'Organization ' || n, %(created)s FROM generate_series(1, %(organizations)s) n;
    INSERT INTO tenants_manageduser (organization_id, email, added_at)
        SELECT o.id, n || '@bench.example', %(created)s
        FROM tenants_organization o, generate_series(1, 3) n;
    INSERT INTO tenants_device (organization_id, name, serial_number, added_at)
        SELECT id, 'Laptop', 'A1', %(created)s FROM tenants_organization;
"""
# The same figures from one set of tables that all providers share.
FLOOR = """
    INSERT INTO usage_dailysnapshot
        (organization_id, day, users, devices, users_high_water_mark, devices_high_water_mark)
    SELECT o.id, %(day)s,
        max(c.count) FILTER (WHERE c.metric = 'users'),
        max(c.count) FILTER (WHERE c.metric = 'devices'),
        max(m.high_water_mark) FILTER (WHERE c.metric = 'users'),
        max(m.high_water_mark) FILTER (WHERE c.metric = 'devices')
    FROM tenants_organization o
    JOIN usage_organizationcounter c ON c.organization_id = o.id
    LEFT JOIN usage_monthlyusage m
        ON m.organization_id = o.id AND m.metric = c.metric AND m.month = '2026-10-01'
    WHERE o.removed_at IS NULL
    GROUP BY o.id
"""


def run(*, full: bool) -> list[Result]:
    """Snapshot 1,000 schemas of 100 organizations if `full`, else 60."""
    schemas = 1000 if full else 60
    providers = [_filled(f"S{number}", ORGANIZATIONS) for number in range(schemas)]
    shared = _filled("SHARED", schemas * ORGANIZATIONS)
    floors, nights = [], []
    connections.close_all()
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("fork")) as workers:
        list(workers.map(time.sleep, [0.1] * WORKERS))
        for number in range(ROUNDS):
            now = FIRST_NIGHT + timedelta(days=number)
            floors.append(_floor(shared, now))
            nights.append(_night(workers, providers, now))
    size = f"{schemas * ORGANIZATIONS}_organizations_in_{schemas}_schemas"
    return [
        Result(f"snapshot_of_{size}", min(nights), min(floors), "s", LIMIT),
        Result(f"check_of_the_ledger_of_{size}", _check(providers), min(floors), "s"),
    ]


def _filled(prefix: str, organizations: int) -> Provider:
    provider = open_provider(canary=prefix, prefix=prefix)
    with provider_schema(provider), connection.cursor() as cursor:
        MeteringPolicy.objects.update(free_user_limit=None)
        for statement in FILL.strip().split(";")[:-1]:
            cursor.execute(statement, {"created": CREATED, "organizations": organizations})
        cursor.execute(
            "ANALYZE tenants_organization, usage_organizationcounter, usage_monthlyusage"
        )
    return provider


def _floor(shared: Provider, now: datetime) -> float:
    with provider_schema(shared), connection.cursor() as cursor:
        began = time.perf_counter()
        cursor.execute(FLOOR, {"day": now.date() - timedelta(days=1)})
        return time.perf_counter() - began


def _night(workers: ProcessPoolExecutor, providers: list[Provider], now: datetime) -> float:
    """Seconds until two workers have taken all snapshots, in batches as the task does."""
    size = min(PROVIDERS_PER_TASK, len(providers) // WORKERS)
    batches = [providers[first : first + size] for first in range(0, len(providers), size)]
    began = time.perf_counter()
    taken = sum(workers.map(_take, batches, [now] * len(batches)))
    seconds = time.perf_counter() - began
    if taken != len(providers):
        raise RuntimeError(f"{taken} snapshots of {len(providers)} providers were taken.")
    return seconds


def _take(batch: list[Provider], now: datetime) -> int:
    try:
        return take_snapshots(due=due_snapshots(providers=batch, now=now), now=now)
    finally:
        connection.close()


def _check(providers: list[Provider]) -> float:
    began = time.perf_counter()
    for provider in providers:
        with provider_schema(provider):
            if verify_ledger():
                raise RuntimeError(f"The ledger of {provider.schema_name} differs.")
    return time.perf_counter() - began
