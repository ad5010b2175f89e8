"""What probes, Prometheus and operations read."""

import os
import subprocess
import sys
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import Provider, ProviderFigures
from core.operations.alerts import raise_alert
from core.operations.heartbeats import BEAT, note
from core.operations.outbox_watch import DEAD
from core.outbox.models import OutboxMessage
from tests.personas import Personas


def dead_message() -> None:
    now = timezone.now()
    OutboxMessage.objects.create(
        topic="mail.send", key="k", created_at=now, due_at=now, dead_at=now
    )


def test_live_looks_at_nothing(client: Client) -> None:
    # Without a fixture of the database every statement is refused.
    answer = client.get("/live")
    assert (answer.status_code, answer.json()) == (200, {"live": "ok"})
    assert "no-store" in answer["Cache-Control"]


def test_ready_needs_the_database_its_migrations_and_redis(
    db: None, client: Client, settings: Any
) -> None:
    well = {"database": "ok", "migrations": "ok", "redis": "ok"}
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()) == (200, well)

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'accounts' AND name LIKE '0001%'")
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()) == (503, {**well, "migrations": "1 are missing"})
    assert answer["Retry-After"] == "5"

    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    assert client.get("/ready").json()["redis"] == "does not answer"


def test_a_migration_of_a_later_release_is_no_fault(db: None, client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('accounts', '9999', now())"
        )
    assert client.get("/ready").status_code == 200


def test_ready_says_that_the_database_does_not_answer(client: Client) -> None:
    script = (
        "import django; django.setup()\n"
        "from django.test import Client\n"
        "for path in ('/live', '/ready'):\n"
        "    answer = Client().get(path)\n"
        "    print(answer.status_code, answer.json().get('database'))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "mtp.settings",
            "DATABASE_URL": "postgres://u:p@127.0.0.1:9/none",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout.splitlines() == ["200 None", "503 does not answer"], run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("host", ["10.1.2.3:8000", "[::1]:8000", "web-1:8000", "unknown.example"])
def test_probes_may_call_the_server_by_any_name(
    db: None, client: Client, settings: Any, host: str
) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.METRICS_TOKEN, settings.SECURE_SSL_REDIRECT = "secret", True
    settings.PROBE_ADDRESSES = ["127.0.0.0/8"]
    for path in ("/live", "/ready", "/status"):
        assert client.get(path, headers={"Host": host}).status_code == 200, path
    token = {"Host": host, "Authorization": "Bearer secret"}
    assert client.get("/metrics/", headers=token).status_code == 200
    assert client.get("/accounts/login/", headers={"Host": host}, secure=True).status_code == 400


def test_status_is_for_operations_and_the_addresses_of_probes(
    people: Personas, client: Client, settings: Any
) -> None:
    assert client.get("/status").status_code == 302
    client.force_login(people.olive)
    assert client.get("/status").status_code == 403
    client.force_login(people.staff)
    assert client.get("/status").status_code == 200

    settings.PROBE_ADDRESSES = ["192.0.2.0/24", "2001:db8::1"]
    for address, status in (("192.0.2.9", 200), ("2001:db8::1", 200), ("198.51.100.1", 302)):
        assert Client().get("/status", REMOTE_ADDR=address).status_code == status, address
    forged = Client().get(
        "/status", REMOTE_ADDR="198.51.100.1", headers={"X-Forwarded-For": "192.0.2.9"}
    )
    assert forged.status_code == 302


def test_status_reports_ages_and_does_not_fail_for_them(people: Personas, client: Client) -> None:
    now = timezone.now()
    note(names=[BEAT], now=now - timedelta(hours=1))
    dead_message()
    raise_alert(kind=DEAD, key="k", summary="S.", next_step="N.", now=now)
    client.force_login(people.staff)
    answer = client.get("/status")
    assert answer.status_code == 200
    body = answer.json()
    assert body["ready"] is True
    assert body["heartbeat_seconds"]["beat"] >= 3600
    # The mail about the alert is due.
    assert body["outbox"]["people"] == {"due": 1, "dead": 1, "oldest_due_seconds": 0}
    assert body["open_alerts"] == 1
    assert body["providers"] == {"active": 2, "without_recent_figures": 2}


def test_figures_need_the_token(db: None, client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics/", headers={"Authorization": "Bearer "}).status_code == 404
    settings.METRICS_TOKEN = "secret"
    assert client.get("/metrics/").status_code == 401
    assert client.get("/metrics/", headers={"Authorization": "Bearer other"}).status_code == 401


def test_figures_of_alerts_outbox_heartbeats_and_providers(
    north: Provider, client: Client, settings: Any
) -> None:
    settings.METRICS_TOKEN = "secret"
    now = timezone.now()
    raise_alert(kind=DEAD, key="k", summary="S.", next_step="N.", now=now)
    dead_message()
    note(names=[BEAT], now=now)
    ProviderFigures.objects.create(
        provider=north, as_of=now, months_to_close=2, oldest_month=date(2026, 9, 1)
    )
    answer = client.get("/metrics/", headers={"Authorization": "Bearer secret"})
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    for line in (
        'mtp_operations_alerts_open{kind="outbox.dead"} 1.0',
        'mtp_operations_alerts_open{kind="billing.uncharged"} 0.0',
        'mtp_outbox_messages{lane="people",state="dead"} 1.0',
        'mtp_outbox_messages{lane="charges",state="due"} 0.0',
        'mtp_outbox_oldest_due_seconds{lane="psa"} 0.0',
        "mtp_months_to_close 2.0",
        "mtp_providers_without_figures 1.0",
        "# TYPE mtp_heartbeat_age_seconds gauge",
    ):
        assert line in lines
    assert any(line.startswith('mtp_heartbeat_age_seconds{name="beat"}') for line in lines)
