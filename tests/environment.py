"""Environment of the tests, set before Django reads its settings (`-p tests.environment`)."""

import os

import pytest

DEFAULTS = {
    "SECRET_KEY": "only-for-tests",
    "MTP_ENVIRONMENT": "test",
    "STRIPE_API_KEY": "sk_test_mtp",
    "STRIPE_WEBHOOK_SECRET": "whsec_test",
    # A closed port, so that a test without a stand-in can't reach the real service.
    "STRIPE_API_BASE": "http://127.0.0.1:9",
    "AUTOTASK_BASE_URL": "http://127.0.0.1:9",
    "EMAIL_URL": "memorymail://",
    "SITE_URL": "http://testserver",
    # Tests sign in by the shortest way, and live through days within one session.
    "OPERATIONS_NEED_FACTOR": "false",
    "SESSION_IDLE_MINUTES": "20160",
    "CONFIRMED_MINUTES": "20160",
    # Counts that a test rolls back must not be cached for the next one.
    "MENU_CACHE_SECONDS": "0",
    "FORECAST_CACHE_SECONDS": "0",
}

missing = [name for name in ("DATABASE_URL", "REDIS_URL") if not os.environ.get(name)]
if missing:
    raise pytest.UsageError(
        f"{' and '.join(missing)} must name a PostgreSQL 18 and a Redis for tests. "
        "`make test` starts both and runs everything."
    )

# Workers that run side by side (`-n 2`) have a Redis database each, as they have a PostgreSQL one.
worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
if worker:
    server, _, _ = os.environ["REDIS_URL"].rpartition("/")
    os.environ["REDIS_URL"] = f"{server}/{int(worker) + 1}"

for name, value in DEFAULTS.items():
    os.environ.setdefault(name, value)
