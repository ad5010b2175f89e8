"""The health check and the figures for Prometheus."""

from datetime import date, timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from accounts.models import Provider, ProviderFigures
from core.operations.alerts import raise_alert
from core.operations.heartbeats import BEAT, note
from core.operations.outbox_watch import DEAD
from core.outbox.models import OutboxMessage


def dead_message() -> None:
    now = timezone.now()
    OutboxMessage.objects.create(
        topic="mail.send", key="k", created_at=now, due_at=now, dead_at=now
    )


def test_health_reports_ages_and_does_not_fail_for_them(db: None, client: Client) -> None:
    note(names=[BEAT], now=timezone.now() - timedelta(hours=1))
    dead_message()
    answer = client.get("/health/")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["database"], body["redis"]) == ("ok", "ok")
    assert body["heartbeat_seconds"]["beat"] >= 3600
    assert body["outbox"] == {"due": 0, "dead": 1, "oldest_due_seconds": 0}


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
        'mtp_operations_alerts_open{kind="outbox.dead"} 1',
        'mtp_operations_alerts_open{kind="billing.uncharged"} 0',
        'mtp_outbox_messages{state="dead"} 1',
        "mtp_months_to_close 2",
        "mtp_providers_without_figures 1",
        "# TYPE mtp_heartbeat_age_seconds gauge",
    ):
        assert line in lines
    assert any(line.startswith('mtp_heartbeat_age_seconds{name="beat"}') for line in lines)
