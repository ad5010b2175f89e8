"""The usage history of 5,000 organizations, against an empty page with the same shell."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Provider
from core.months import Month
from core.schema import provider_schema
from tenants.models import MeteringPolicy
from tests.benchmarks import bench_pages
from tests.benchmarks.bench_pages import browser_in, by_turns, expect
from tests.benchmarks.result import Result
from tests.providers import open_provider
from usage.ledger.months_table import last_months

CPU_LIMIT = 2.0
STATEMENTS = 4
ADDRESS = "/account/usage/history/"
# Ten of twelve months have rows; the counts of the others are derived.
ROWLESS = 2

FILL = """
    INSERT INTO usage_monthlyusage (organization_id, metric, month, carried_in, high_water_mark)
    SELECT o.id, metric, month, o.id %% 40, o.id %% 40 + 3
    FROM tenants_organization o, unnest(ARRAY['users', 'devices']) metric,
         unnest(%(months)s::date[]) month
"""


def run(*, full: bool) -> list[Result]:
    """Measure with 5,000 organizations; `full` only adds rounds."""
    rounds = 300 if full else 40
    hosts = [*settings.ALLOWED_HOSTS, "testserver"]
    with override_settings(ROOT_URLCONF=bench_pages.__name__, ALLOWED_HOSTS=hosts):
        browser = browser_in(_filled(5_000))
        shell, page = by_turns(
            lambda: expect(200, browser.get("/empty-page/")),
            lambda: expect(200, browser.get(ADDRESS)),
            rounds=rounds,
        )
        with CaptureQueriesContext(connection) as statements:
            browser.get(ADDRESS)
    of_usage = sum("usage_" in each["sql"] for each in statements.captured_queries)
    return [
        Result("history_page_to_its_shell_cpu", page[1], shell[1], "ms", CPU_LIMIT),
        Result("history_page_to_its_shell_wall", page[0], shell[0], "ms"),
        Result("history_statements_to_four", of_usage, STATEMENTS, "", 1),
    ]


def _filled(organizations: int) -> Provider:
    provider = open_provider(canary="HISTORY", prefix="HISTORY")
    months = last_months(month=Month.of(timezone.now(), ZoneInfo("UTC")))[:-ROWLESS]
    with provider_schema(provider), connection.cursor() as cursor:
        MeteringPolicy.objects.update(free_user_limit=None)
        cursor.execute(
            "INSERT INTO tenants_organization (name, created_at)"
            " SELECT 'Organization ' || n, %s FROM generate_series(1, %s) n",
            [datetime(2020, 1, 1, tzinfo=UTC), organizations],
        )
        cursor.execute(FILL, {"months": [month.first_day for month in months]})
        cursor.execute("ANALYZE")
    return provider
