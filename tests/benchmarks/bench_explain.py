"""Explaining a month in a long log, against a plain index scan over the same events."""

import itertools
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from accounts.models import Provider
from core.metrics import Metric
from core.months import Month
from core.schema import provider_schema
from tests.benchmarks.bench_pages import browser_in, expect
from tests.benchmarks.result import Result
from tests.providers import open_provider
from usage.explain.counted_at_peak import counted_at_peak
from usage.explain.peaks import explain_month

LIMIT = 3.0
STATEMENTS = 5
EVENTS_OF_ONE = 2_000
ROUNDS, ORGANIZATIONS_ASKED = 15, 12
ZONE = ZoneInfo("Europe/Berlin")
START = datetime(2025, 9, 1, tzinfo=UTC)
# 2,000 events of an organization span 14 months, 142 each; this is the last month but one.
MONTH = Month(2026, 9)

# Ordered by time over all organizations, as in a real log, so that an organization's events are far
# apart. Of four events, three are additions and the fourth removes the first of them.
FILL_USERS = """
    INSERT INTO tenants_manageduser (id, organization_id, email, address_key, added_at)
    OVERRIDING SYSTEM VALUE
    SELECT o.id * 10000 + n, o.id, address, address, %(start)s
    FROM generate_series(0, %(events)s - 1) n, tenants_organization o,
         concat('user', n, '@organization.example') address
    WHERE n %% 4 <> 3
    ORDER BY n, o.id
"""
FILL = """
    INSERT INTO usage_usageevent (organization_id, metric, at, delta, count_after,
                                  subject_id, actor_id, actor_name, via)
    SELECT o.id, 'users', %(start)s + n * interval '5 hours' + o.number * interval '1 second',
           CASE n %% 4 WHEN 3 THEN -1 ELSE 1 END,
           n / 4 * 2 + (ARRAY[1, 2, 3, 2])[n %% 4 + 1],
           o.id * 10000 + CASE n %% 4 WHEN 3 THEN n - 3 ELSE n END,
           7, 'Adam Administrator', 'form'
    FROM generate_series(0, %(events)s - 1) n,
         (SELECT id, row_number() OVER (ORDER BY id) AS number FROM tenants_organization) o
    ORDER BY n, o.number
"""
# Reads the events that every list of counted users needs, and does nothing with them.
FLOOR = """
    SELECT count(subject_id) FROM usage_usageevent
    WHERE organization_id = %(organization_id)s AND metric = 'users' AND at < %(end)s
"""


def run(*, full: bool) -> list[Result]:
    """Explain in 10 million events of 5,000 organizations if `full`, else in 200,000 of 100."""
    organizations = 5_000 if full else 100
    provider = open_provider(canary="EXPLAIN", prefix="EXPLAIN")
    with provider_schema(provider):
        ids = _fill(provider, organizations)
        floors, times = [], []
        for organization_id in ids[:: max(1, organizations // ORGANIZATIONS_ASKED)]:
            floor, measured = _alternate(
                lambda pk=organization_id: _scan(pk), lambda pk=organization_id: _explain(pk)
            )
            floors.append(floor)
            times.append(measured)
        statements = _statements_of_page(provider, ids[0])
    size = f"{organizations * EVENTS_OF_ONE}_events"
    return [
        Result(
            f"explain_a_month_of_{size}",
            1000 * statistics.median(times),
            1000 * statistics.median(floors),
            "ms",
            LIMIT,
        ),
        Result("explain_statements_to_five", statements, STATEMENTS, "", 1),
    ]


def _fill(provider: Provider, organizations: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tenants_organization (name, created_at)"
            " SELECT 'Organization ' || n, %s FROM generate_series(1, %s) n",
            [START, organizations],
        )
        # The log is written directly, because ten million additions would take hours.
        for table, fill in {"tenants_manageduser": FILL_USERS, "usage_usageevent": FILL}.items():
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(fill, {"start": START, "events": EVENTS_OF_ONE})
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
            cursor.execute(f"VACUUM ANALYZE {table}")
        cursor.execute("SELECT id FROM tenants_organization ORDER BY id")
        return list(itertools.chain.from_iterable(cursor.fetchall()))


def _statements_of_page(provider: Provider, organization_id: int) -> int:
    """Number of statements of the whole page in the provider's schema."""
    browser = browser_in(provider)
    address = f"/account/usage/{organization_id}/why/{MONTH}/"
    hosts = [*settings.ALLOWED_HOSTS, "testserver"]
    with override_settings(ALLOWED_HOSTS=hosts):
        expect(200, browser.get(address))
        with CaptureQueriesContext(connection) as statements:
            browser.get(address)
    return sum(
        '"tenants_' in each["sql"] or "usage_" in each["sql"]
        for each in statements.captured_queries
    )


def _alternate(*actions: Callable[[], object]) -> list[float]:
    """The median seconds of each action, measured alternately."""
    times: list[list[float]] = [[] for _ in actions]
    for number in range(ROUNDS + 2):
        for action, seconds in zip(actions, times, strict=True):
            began = time.perf_counter()
            action()
            if number >= 2:
                seconds.append(time.perf_counter() - began)
    return [statistics.median(seconds) for seconds in times]


def _scan(organization_id: int) -> None:
    with connection.cursor() as cursor:
        asked = {"organization_id": organization_id, "end": MONTH.ends_at(ZONE)}
        cursor.execute(FLOOR, asked)
        cursor.fetchall()


def _explain(organization_id: int) -> None:
    explanation = explain_month(
        organization_id=organization_id, metric=Metric.USERS, month=MONTH, zone=ZONE
    )
    counted, number = counted_at_peak(explanation=explanation, limit=50)
    if not 0 < len(counted) <= number == explanation.high_water_mark:
        raise RuntimeError(f"{number} counted at a peak of {explanation.high_water_mark}.")
