"""Circuit breakers, with a server that is silent and a Valkey that all processes share."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import override_settings

from core.circuit_breakers import Service, ServiceAway, guarded_call, silent_services
from core.mail import queue_mail
from core.operations.models import OperationsAlert
from core.operations.service_watch import AWAY, watch_services
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
SERVICE = Service.AUTOTASK


class Silence(Exception):
    pass


def call(outcome: Exception | None = None) -> None:
    with guarded_call(SERVICE, is_silence=lambda error: isinstance(error, Silence)):
        if outcome:
            raise outcome


def fail(times: int) -> None:
    for _ in range(times):
        with suppress(Silence):
            call(Silence())


def end_pause() -> None:
    """As if the pause of the breaker had passed."""
    cache.delete(f"breaker:{SERVICE.name}:paused")


@pytest.fixture(autouse=True)
def _three_failures() -> Iterator[None]:
    cache.clear()
    with override_settings(OUTSIDE_FAILURES=3, OUTSIDE_PAUSE_SECONDS=60):
        yield
    cache.clear()


def test_calls_are_refused_after_three_without_an_answer() -> None:
    fail(2)
    call()
    fail(3)
    assert silent_services() == [SERVICE]
    with pytest.raises(ServiceAway) as refused:
        call()
    assert timedelta(seconds=50) < refused.value.wait <= timedelta(seconds=60)


def test_an_error_that_is_an_answer_does_not_count() -> None:
    fail(2)
    with pytest.raises(ValueError, match="an answer"):
        call(ValueError("an answer"))
    fail(2)
    call()
    assert silent_services() == []


def test_one_call_at_a_time_tries_the_service_after_the_pause() -> None:
    fail(3)
    end_pause()
    with guarded_call(SERVICE, is_silence=bool), pytest.raises(ServiceAway):
        call()
    call()
    assert silent_services() == []


def test_a_trial_without_an_answer_begins_the_pause_again() -> None:
    fail(3)
    end_pause()
    fail(1)
    with pytest.raises(ServiceAway):
        call()


def test_an_emptied_cache_refuses_nothing() -> None:
    fail(3)
    cache.clear()
    call()


def test_the_breaker_is_shared_between_processes() -> None:
    fail(3)
    code = (
        "import django; django.setup()\n"
        "from core.circuit_breakers import silent_services\n"
        "print(silent_services())"
    )
    seen = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OUTSIDE_FAILURES": "3"},
    )
    assert "AUTOTASK" in seen.stdout


def test_mails_wait_without_attempts_while_the_server_does_not_answer(
    db: None, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    for number in range(10):
        queue_mail(key=f"m{number}", to=["a@x.example"], subject="S", text="T", now=NOON)

    assert deliver_due(now=NOON) == 10

    messages = OutboxMessage.objects.filter(topic="mail.send").order_by("pk")
    assert [message.attempts for message in messages] == [1] * 3 + [0] * 7
    assert [message.postponements for message in messages] == [0] * 3 + [1] * 7
    assert all(message.due_at <= NOON + timedelta(seconds=60) for message in messages)
    assert messages[9].last_error.startswith("The mail server did not answer the last calls")

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    cache.delete("breaker:MAIL:paused")
    assert deliver_due(now=NOON + timedelta(minutes=2)) == 10
    assert not messages.filter(finished_at=None).exists()


def test_operations_see_a_service_that_does_not_answer_until_it_does(db: None) -> None:
    fail(3)
    watch_services(now=NOON)
    watch_services(now=NOON)
    alert = OperationsAlert.objects.get(kind=AWAY)
    assert (alert.key, alert.schema_name, alert.times_seen) == ("autotask", "", 2)
    assert "Autotask did not answer 3 calls in a row" in alert.summary

    end_pause()
    call()
    watch_services(now=NOON)
    alert.refresh_from_db()
    assert alert.settled_at == NOON
