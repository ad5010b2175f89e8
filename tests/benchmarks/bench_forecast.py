"""Forecast and cap simulation of 5,000 organizations with a year of additions and removals."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import connection, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Provider, User
from billing.choices import ContractKind
from billing.models import Contract
from core.actors import SYSTEM_ACTOR
from core.schema import provider_schema
from tenants.models import MeteringPolicy
from tests.benchmarks import bench_pages
from tests.benchmarks.bench_pages import browser_in, by_turns, expect
from tests.benchmarks.result import Result
from tests.providers import open_provider
from usage.ledger.rebuild import rebuild_usage

ORGANIZATIONS = 5_000
STATEMENTS = 8
# Processor time of this process.
CPU_GOAL_MS = 150
FORECAST, CAP_SIMULATION = "/account/usage/forecast/", "/account/cap-simulation/"
ACTIVE = f"{FORECAST}?metric=mau"
# Twenty users a year ago, then one every two weeks; every third leaves after half a year. They are
# written with the events that counting would have recorded on the way, in order of time.
JOIN = """
    INSERT INTO tenants_manageduser (organization_id, email, address_key, added_at, removed_at)
    SELECT o.id, n || '@bench.example', n || '@bench.example', added.at,
           CASE WHEN (o.id + n) %% 3 = 0 AND added.at < %(begin)s + interval '185 days'
                THEN added.at + interval '180 days' END
    FROM tenants_organization o, generate_series(0, 44) n,
        LATERAL (SELECT %(begin)s + greatest(n - 19, 0) * interval '14 days'
                        + (o.id %% 14) * interval '1 day' AS at) added
    WHERE added.at < %(now)s
    ORDER BY o.id, n
"""
COUNT = """
    INSERT INTO usage_usageevent
        (organization_id, metric, at, delta, count_after, subject_id, actor_name, via)
    SELECT organization_id, 'users', at, delta,
           sum(delta) OVER (PARTITION BY organization_id ORDER BY at, delta DESC, id), id, '', ''
    FROM (SELECT organization_id, id, added_at AS at, 1 AS delta FROM tenants_manageduser
          UNION ALL
          SELECT organization_id, id, removed_at, -1 FROM tenants_manageduser
          WHERE removed_at IS NOT NULL) step
    ORDER BY at, delta DESC, id
"""
FILLED = ("tenants_manageduser", "usage_usageevent", "usage_activeuser")
# Twenty users of each organization are active in each of the last seven months, one more each day.
LIVE = """
    INSERT INTO usage_activeuser (organization_id, month, user_id, first_seen_at, reported_at)
    SELECT u.organization_id, m, u.id, seen.at, seen.at
    FROM (SELECT *, row_number() OVER (PARTITION BY organization_id ORDER BY id) AS place
          FROM tenants_manageduser WHERE removed_at IS NULL) u
    CROSS JOIN generate_series(
        date_trunc('month', %(now)s AT TIME ZONE 'UTC') - interval '6 months',
        %(now)s AT TIME ZONE 'UTC', interval '1 month') m
    CROSS JOIN LATERAL (SELECT m AT TIME ZONE 'UTC' + place * interval '1 day' AS at) seen
    WHERE place <= 20 AND u.added_at <= seen.at AND seen.at <= %(now)s
    ORDER BY u.id
"""


def run(*, full: bool) -> list[Result]:
    """Measure with 5,000 organizations; `full` only adds rounds."""
    rounds = 10 if full else 3
    hosts = [*settings.ALLOWED_HOSTS, "testserver"]
    with override_settings(
        ROOT_URLCONF=bench_pages.__name__, ALLOWED_HOSTS=hosts, MENU_CACHE_SECONDS=600
    ):
        provider = _filled()
        browser = browser_in(provider)
        user = User.objects.get(provider=provider)
        with provider_schema(provider), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO usage_draftcap (user_id, organization_id, cap)"
                " SELECT %s, id, 30 FROM tenants_organization",
                [user.pk],
            )
        shell, forecast, active, cap_simulation = by_turns(
            lambda: expect(200, browser.get("/empty-page/")),
            lambda: expect(200, browser.get(FORECAST)),
            lambda: expect(200, browser.get(ACTIVE)),
            lambda: expect(200, browser.get(CAP_SIMULATION)),
            rounds=rounds,
        )
        asked = max(
            _statements(lambda: browser.get(FORECAST)), _statements(lambda: browser.get(ACTIVE))
        )
    return [
        Result("forecast_statements_to_eight", asked, STATEMENTS, "", 1),
        Result("forecast_page_to_its_shell_wall", forecast[0], shell[0], "ms"),
        Result("forecast_active_page_to_its_shell_wall", active[0], shell[0], "ms"),
        Result("cap_simulation_page_to_its_shell_wall", cap_simulation[0], shell[0], "ms"),
        Result(f"forecast_cpu_to_{CPU_GOAL_MS}_ms", forecast[1], CPU_GOAL_MS, "ms", 1),
        Result(f"forecast_active_cpu_to_{CPU_GOAL_MS}_ms", active[1], CPU_GOAL_MS, "ms", 1),
        Result(f"cap_simulation_cpu_to_{CPU_GOAL_MS}_ms", cap_simulation[1], CPU_GOAL_MS, "ms", 1),
    ]


def _statements(open_page: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as statements:
        open_page()
    return len(statements)


def _fill(begin: datetime) -> None:
    """A year of users; the product's own rebuilding makes the counts and months of their events.

    Counted one by one as they come they would take many minutes.
    """
    now = timezone.now()
    with transaction.atomic(), connection.cursor() as cursor:
        for table in FILLED:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(JOIN, {"begin": begin, "now": now})
        cursor.execute(COUNT)
        cursor.execute(LIVE, {"now": now})
        # ALTER TABLE fails while deferred checks are pending.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in FILLED:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    rebuild_usage(closed_too=True, actor=SYSTEM_ACTOR, now=now)


def _filled() -> Provider:
    provider = open_provider(canary="FORECAST", prefix="FORECAST")
    begin = timezone.now() - timedelta(days=365)
    with provider_schema(provider), connection.cursor() as cursor:
        MeteringPolicy.objects.update(free_user_limit=None)
        cursor.execute(
            "INSERT INTO tenants_organization (name, created_at)"
            " SELECT 'Organization ' || n, %s FROM generate_series(1, %s) n",
            [begin, ORGANIZATIONS],
        )
        _fill(begin)
        Contract.objects.create(
            kind=ContractKind.PAY_AS_YOU_GO,
            package_id=1,
            package_name="Workforce",
            metric="users",
            currency="USD",
            unit_price=Decimal("2.40"),
            starts_on="2020-01-01",
            automatic_limit_minor=400_000,
            payment_terms_days=30,
        )
        cursor.execute("ANALYZE")
    return provider
