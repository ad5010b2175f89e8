"""A provider's event log of many million rows, against the same work in a log of a hundredth.

Adding a user, explaining a month, and replaying a month as its verification does. Organizations are
alike in both logs; the large one has more of them, as a larger provider has. EVENT_LOG_ROWS sets
another size than that of `full`. At 100 million rows it takes about an hour and 45 GB of disk.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple
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
ROUNDS, REPLAYS = 41, 1
# Adding and explaining read by an index, which gets deeper. A replay reads all rows once.
LIMIT, LIMIT_PER_ROW = 2.0, 2.0
ZONE = ZoneInfo("UTC")
START = datetime(2025, 9, 1, tzinfo=UTC)
MONTH = Month(2026, 9)

# The events name these users again and again; a real log has a user for each addition.
USERS_OF_ONE = 50
FILL_USERS = """
    INSERT INTO tenants_manageduser (id, organization_id, email, address_key, added_at)
    OVERRIDING SYSTEM VALUE
    SELECT o.id * 100 + n, o.id, address, address, %(start)s
    FROM generate_series(0, %(users)s - 1) n, tenants_organization o,
         concat('user', n, '@organization.example') address
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


class Log(NamedTuple):
    """A provider with a filled log, and the ids of its organizations."""

    provider: Provider
    organizations: list[int]

    def asked(self, number: int) -> int:
        """The organization that a round asks for; the rounds are spread over all."""
        step = max(1, len(self.organizations) // ROUNDS)
        return self.organizations[number * step % len(self.organizations)]


def run(*, full: bool) -> list[Result]:
    """A log of 100 million rows against one of a million if `full`, else 200,000 and 20,000."""
    rows = int(os.environ.get("EVENT_LOG_ROWS", FULL if full else SMALL))
    floor_rows = FLOOR if rows > FLOOR else SMALL_FLOOR
    logs = _filled("FLOOR", floor_rows), _filled("LOG", rows)
    adding = _medians(logs, _add, ROUNDS)
    # The first time, an old organization's rows come from the disk: that is no matter of size.
    _medians(logs, _explain, ROUNDS)
    explaining = _medians(logs, _explain, ROUNDS)
    replaying = _medians(logs, _replay, REPLAYS)
    per_row = replaying[0] * rows / floor_rows
    size = f"{rows}_to_{floor_rows}_events"
    return [
        Result(f"add_a_user_{size}", adding[1], adding[0], "ms", LIMIT),
        Result(f"explain_a_month_{size}", explaining[1], explaining[0], "ms", LIMIT),
        Result(f"replay_a_month_{size}", replaying[1], replaying[0], "ms"),
        Result(f"replay_a_month_for_each_row_{size}", replaying[1], per_row, "ms", LIMIT_PER_ROW),
    ]


def _filled(prefix: str, rows: int) -> Log:
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
        return Log(provider, [pk for (pk,) in cursor.fetchall()])


def _medians(logs: Iterable[Log], action: Callable[[Log, int], None], rounds: int) -> list[float]:
    """The median milliseconds of an action in each log, by turns, so that a busy machine slows
    both."""
    times: list[list[float]] = [[] for _ in logs]
    for number in range(rounds):
        for log, taken in zip(logs, times, strict=True):
            with provider_schema(log.provider):
                began = time.perf_counter()
                action(log, number)
                taken.append(1000 * (time.perf_counter() - began))
    return [statistics.median(taken) for taken in times]


def _add(log: Log, number: int) -> None:
    ManagedUser.objects.create(
        organization_id=log.asked(number), email=f"{time.perf_counter_ns()}@added.example"
    )


def _explain(log: Log, number: int) -> None:
    explanation = explain_month(
        organization_id=log.asked(number), metric=Metric.USERS, month=MONTH, zone=ZONE
    )
    if not explanation.high_water_mark:
        raise RuntimeError("There is nothing to explain.")


def _replay(log: Log, _number: int) -> None:
    replayed = replay_month(month=MONTH)
    if len(replayed) != len(log.organizations):
        raise RuntimeError(f"{len(replayed)} months of {len(log.organizations)} organizations.")
