"""Settings: production refuses to start without its secrets and names the missing one."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.outbox.tasks import send_due

ROOT = Path(__file__).resolve().parents[2]

COMPLETE = {
    "MTP_ENVIRONMENT": "production",
    "SECRET_KEY": "s" * 60,
    "ALLOWED_HOSTS": "portal.example",
    "DATABASE_URL": "postgres://u:p@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "STRIPE_API_KEY": "sk_live_x",
    "STRIPE_WEBHOOK_SECRET": "whsec_x",
    "SITE_URL": "https://portal.example",
    "EMAIL_URL": "smtp+tls://u:p@127.0.0.1:1",
}


def start(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Load the settings as the web server does."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", "import mtp.wsgi"],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_starts_with_all_required_variables() -> None:
    run = start(COMPLETE)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("value", ["", "   "])
@pytest.mark.parametrize(
    "name",
    [
        "SECRET_KEY",
        "STRIPE_API_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "ALLOWED_HOSTS",
        "DATABASE_URL",
        "REDIS_URL",
        "EMAIL_URL",
    ],
)
def test_the_error_names_an_empty_variable(name: str, value: str) -> None:
    run = start({**COMPLETE, name: value})
    assert run.returncode != 0
    assert run.stderr.splitlines()[-1].endswith(
        f"{name} is missing or empty. Set it in the environment or in .env (see .env.example)."
    )


@pytest.mark.skipif(
    any((ROOT / name).exists() for name in (".env", ".local/running.env")),
    reason="a file of the checkout sets the variable",
)
def test_the_error_names_a_missing_secret() -> None:
    run = start({name: value for name, value in COMPLETE.items() if name != "SECRET_KEY"})
    assert run.returncode != 0
    assert "SECRET_KEY is missing or empty." in run.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("DEBUG", "1", "DEBUG must be off in production"),
        ("MTP_ENVIRONMENT", "prod", "Use production, development or test."),
        ("MTP_PROCESS", "wbe", "Use web or worker."),
        (
            "DATABASE_URL",
            "postgres://u:p@127.0.0.1:1/none?options=-c%20mtp.clock%3D2999-12-31",
            "DATABASE_URL sets mtp.clock, which only tests may",
        ),
    ],
)
def test_unsafe_settings_are_refused(name: str, value: str, text: str) -> None:
    run = start({**COMPLETE, name: value})
    assert run.returncode != 0
    assert text in run.stderr.splitlines()[-1]


def test_an_empty_environment_name_means_production() -> None:
    run = start({**COMPLETE, "MTP_ENVIRONMENT": "", "SECRET_KEY": "s", "DEBUG": "1"})
    assert "DEBUG must be off in production" in run.stderr.splitlines()[-1]


def test_production_imports_nothing_of_the_demo() -> None:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    script = (
        "import sys, django; django.setup()\n"
        "from django.urls import NoReverseMatch, reverse\n"
        "try: reverse('operations_mails')\n"
        "except NoReverseMatch: print([name for name in sys.modules if 'demo' in name])"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**inherited, **COMPLETE, "DJANGO_SETTINGS_MODULE": "mtp.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == "[]\n", run.stderr


@pytest.mark.parametrize(
    ("environment", "clock"), [("production", ""), ("development", ""), ("test", "2999-12-31")]
)
def test_only_tests_move_the_clock_that_refuses_future_usage(environment: str, clock: str) -> None:
    """Also where a role or the database sets it: the options of a connection overrule both."""
    script = (
        "import django; django.setup()\n"
        "from django.db import connection\n"
        "cursor = connection.cursor()\n"
        "print(repr(cursor.execute('SHOW mtp.clock').fetchone()[0]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={
            **os.environ,
            **COMPLETE,
            "MTP_ENVIRONMENT": environment,
            "DATABASE_URL": os.environ["DATABASE_URL"],
            "DJANGO_SETTINGS_MODULE": "mtp.settings",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == f"{clock!r}\n", run.stderr


@pytest.mark.parametrize(
    ("module", "limits"), [("mtp.wsgi", "2s 30s 1min"), ("mtp.celery", "5s 10min 5min")]
)
def test_each_kind_of_process_has_its_time_limits(module: str, limits: str) -> None:
    script = (
        f"import {module}, django; django.setup()\n"
        "from django.db import connection\n"
        "cursor = connection.cursor()\n"
        "names = 'lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout'\n"
        "print(*[cursor.execute(f'SHOW {name}').fetchone()[0] for name in names])"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "mtp.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == f"{limits}\n", run.stderr


def test_a_task_ends_before_the_broker_sends_it_again(settings: Any) -> None:
    visible_after = settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]
    assert settings.CELERY_TASK_SOFT_TIME_LIMIT < settings.CELERY_TASK_TIME_LIMIT < visible_after
    assert send_due.soft_time_limit < settings.OUTBOX_LEASE_SECONDS
    assert send_due.time_limit < visible_after
