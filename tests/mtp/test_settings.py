"""Settings: time limits, kinds of processes, and what production leaves out."""

import os
import subprocess
import sys
from typing import Any

import pytest

from core.outbox.tasks import send_due
from tests.database_url import database_url
from tests.mtp.production_settings import COMPLETE, start


def test_production_starts_with_all_required_variables() -> None:
    run = start(COMPLETE)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("name", ["SECRET_KEY", "STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET"])
def test_development_names_an_empty_secret(name: str) -> None:
    run = start({**COMPLETE, "MTP_ENVIRONMENT": "development", name: ""})
    assert run.returncode == 1
    assert run.stderr == (
        f"{name} is missing or empty. Set it in the environment or in .env (see .env.example).\n"
    )


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("MTP_ENVIRONMENT", "prod", "Use production, development or test."),
        ("MTP_PROCESS", "wbe", "Use web or worker."),
        (
            "DATABASE_URL",
            "postgres://u:p@127.0.0.1:1/none?options=-c%20mtp.clock%3D2999-12-31",
            "only tests may: usage in the future would be counted.",
        ),
    ],
)
def test_unknown_kinds_are_refused(name: str, value: str, text: str) -> None:
    run = start({**COMPLETE, name: value})
    assert run.returncode == 1
    assert run.stderr.endswith(f"{text}\n")


def test_an_empty_environment_name_means_production() -> None:
    run = start({**COMPLETE, "MTP_ENVIRONMENT": "", "DEBUG": "1"})
    assert "DEBUG must be off in production" in run.stderr


def test_production_imports_neither_the_demo_nor_the_renderer() -> None:
    """The renderer is a fifth of what a start would import, and few processes need it."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    script = (
        "import sys, django; django.setup()\n"
        "from django.urls import NoReverseMatch, reverse\n"
        "try: reverse('operations_mails')\n"
        "except NoReverseMatch:\n"
        "  print([name for name in sys.modules if 'demo' in name or name == 'weasyprint'])"
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
            "PATH": os.environ["PATH"],
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
def test_each_kind_of_process_has_its_time_limits(
    committed: None, module: str, limits: str
) -> None:
    script = (
        f"import {module}, django; django.setup()\n"
        "from django.db import connection\n"
        "cursor = connection.cursor()\n"
        "names = 'lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout'\n"
        "print(*[cursor.execute(f'SHOW {name}').fetchone()[0] for name in names])"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        # A server in this process, as browser tests have one, has set the variable.
        env={
            **os.environ,
            "MTP_PROCESS": "",
            "DJANGO_SETTINGS_MODULE": "mtp.settings",
            # A web server starts only beside a database with its migrations.
            "DATABASE_URL": database_url(),
        },
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
