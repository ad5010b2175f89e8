"""A provider's event log of many million rows, against the same work in a log of a hundredth.

Adding a user, explaining a month, and replaying a month as its verification does. Organizations are
alike in both logs; the large one has more of them, as a larger provider has. EVENT_LOG_ROWS sets
another size than that of `full`.
"""

import itertools
import os
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.db import connection

from accounts.models import Provider
from core.metrics import Metric
from core.months import Month
from core.schema import provider_schema
from tenants.models import ManagedUser, MeteringPolicy
from tests.benchmarks.result import Result
from tests.providers import open_provider
from usage.explain.peaks import explain_month
from usage.ledger.replay import replay_month

FULL, SMALL = 100_000_000, 200_000
# Of `full`, the log in which the floors are measured has a million rows.
FLOOR, SMALL_FLOOR = 1_000_000, 20_000
EVENTS_OF_ONE = 2_000
ROUNDS, REPLAYS = 40, 3
# Adding and explaining read by an index, which gets deeper. A replay reads all rows once.
LIMIT, LIMIT_PER_ROW = 2.0, 2.0
ZONE = ZoneInfo("UTC")
START = datetime(2025, 9, 1, tzinfo=UTC)
MONTH = Month(2026, 9)

# The events name these users again and again; a real log has a user for each addition.
USERS_OF_ONE = 50
FILL_USERS = """
    INSERT INTO tenants_manageduser (id, organization_id, email, added_at)
    OVERRIDING SYSTEM VALUE
    SELECT o.id * 100 + n, o.id, 'user' || n || '@organization.example', %(start)s
    FROM generate_series(0, %(users)s - 1) n, tenants_organization o
"""
# Ordered by time over all organizations, as in a real log, so that an organization's events are far
# apart. Of four events, three are additions and the fourth is a removal.
FILL = """
    INSERT INTO usage_usageevent (organization_id, metric, at, delta, count_after,
                                  subject_id, actor_id, actor_name, via)
    SELECT o.id, 'users', %(start)s + n * interval '5 hours' + o.number * interval '1 microsecond',
           CASE n %% 4 WHEN 3 THEN -1 ELSE 1 END,
           n / 4 * 2 + (ARRAY[1, 2, 3, 2])[n %% 4 + 1],
           o.id * 100 + n %% %(users)s,
           7, 'Adam Administrator', 'form'
    FROM generate_series(%(first)s, %(last)s) n,
         (SELECT id, row_number() OVER (ORDER BY id) AS number FROM tenants_organization) o
    ORDER BY n, o.number
"""
TABLES = ("tenants_manageduser", "usage_usageevent")
# Neither triggers nor the reference to the organization are checked for each of the rows.
OWN_ORGANIZATION = """
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = 'usage_usageevent'::regclass AND contype = 'f'
"""
# An index is built once over all rows, faster than row by row.
INDEX = "usage_event_order"
STEPS = 20


def run(*, full: bool) -> list[Result]:
    """A log of 100 million rows against one of a million if `full`, else 200,000 and 20,000."""
    rows = int(os.environ.get("EVENT_LOG_ROWS", FULL if full else SMALL))
    floor_rows = FLOOR if rows > FLOOR else SMALL_FLOOR
    floor_log, log = _filled("FLOOR", floor_rows), _filled("LOG", rows)
    floors, times = _measured(floor_log), _measured(log)
    per_row = floors[2] * rows / floor_rows
    size = f"{rows}_to_{floor_rows}_events"
    return [
        Result(f"add_a_user_{size}", times[0], floors[0], "ms", LIMIT),
        Result(f"explain_a_month_{size}", times[1], floors[1], "ms", LIMIT),
        Result(f"replay_a_month_{size}", times[2], floors[2], "ms"),
        Result(f"replay_a_month_for_each_row_{size}", times[2], per_row, "ms", LIMIT_PER_ROW),
    ]


def _filled(prefix: str, rows: int) -> tuple[Provider, list[int]]:
    """A provider with this log; the log is written directly, because additions take hours."""
    provider = open_provider(canary=prefix, prefix=prefix)
    with provider_schema(provider), connection.cursor() as cursor:
        MeteringPolicy.objects.update(free_user_limit=None)
        cursor.execute(
            "INSERT INTO tenants_organization (name, created_at)"
            " SELECT 'Organization ' || n, %s FROM generate_series(1, %s) n",
            [START, rows // EVENTS_OF_ONE],
        )
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [INDEX])
        of_log = f"{provider.schema_name}."
        definition = next(each for (each,) in cursor.fetchall() if of_log in each)
        fill = {"start": START, "users": USERS_OF_ONE}
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(OWN_ORGANIZATION)
        ((name, organization),) = cursor.fetchall()
        cursor.execute(f"ALTER TABLE usage_usageevent DROP CONSTRAINT {name}")
        cursor.execute(f"DROP INDEX {INDEX}")
        cursor.execute(FILL_USERS, fill)
        for first in range(0, EVENTS_OF_ONE, EVENTS_OF_ONE // STEPS):
            last = first + EVENTS_OF_ONE // STEPS - 1
            cursor.execute(FILL, {**fill, "first": first, "last": last})
        cursor.execute(definition)
        cursor.execute(
            f"ALTER TABLE usage_usageevent ADD CONSTRAINT {name} {organization} NOT VALID"
        )
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute("VACUUM ANALYZE usage_usageevent, tenants_manageduser")
        cursor.execute("SELECT id FROM tenants_organization ORDER BY id")
        return provider, list(itertools.chain.from_iterable(cursor.fetchall()))


def _measured(filled: tuple[Provider, list[int]]) -> tuple[float, float, float]:
    """The median milliseconds of an addition, an explanation and a replay."""
    provider, ids = filled
    step = max(1, len(ids) // ROUNDS)
    asked = itertools.cycle(ids[::step])
    with provider_schema(provider):
        return (
            _median(lambda: _add(next(asked)), ROUNDS),
            _median(lambda: _explain(next(asked)), ROUNDS),
            _median(lambda: _replay(len(ids)), REPLAYS),
        )


def _median(action: Callable[[], None], rounds: int) -> float:
    action()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)


def _add(organization_id: int) -> None:
    ManagedUser.objects.create(
        organization_id=organization_id, email=f"{time.perf_counter_ns()}@added.example"
    )


def _explain(organization_id: int) -> None:
    explanation = explain_month(
        organization_id=organization_id, metric=Metric.USERS, month=MONTH, zone=ZONE
    )
    if not explanation.high_water_mark:
        raise RuntimeError("There is nothing to explain.")


def _replay(organizations: int) -> None:
    replayed = replay_month(month=MONTH)
    if len(replayed) != organizations:
        raise RuntimeError(f"{len(replayed)} months of {organizations} organizations.")
