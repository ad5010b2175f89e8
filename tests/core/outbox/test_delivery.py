"""Committed outbox messages are delivered once, also when a worker or Redis dies."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Provider
from core.outbox.delivery import FIRST_RETRY, LONGEST_RETRY, deliver_due, enqueue, try_again
from core.outbox.models import OutboxMessage
from core.outbox.pauses import pause, resume
from core.outbox.topics import Postpone, _topics, handler
from core.schema import current_schema, provider_schema
from tests.database_url import database_url

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
TOPIC = "tests.note"


class Notebook:
    """A handler that records its calls; it raises the exceptions of `raises`, one per call."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, object], str]] = []
        self.raises: list[Exception] = []

    def note(self, payload: dict[str, object], _: datetime) -> None:
        self.calls.append((dict(payload), current_schema()))
        if self.raises:
            raise self.raises.pop(0)


@pytest.fixture
def notebook() -> Iterator[Notebook]:
    """A topic whose handler records its calls; three attempts."""
    notebook = Notebook()
    handler(TOPIC, max_attempts=3)(notebook.note)
    yield notebook
    del _topics[TOPIC]


def run_in_a_process(
    code: str, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "mtp.settings",
            "DATABASE_URL": database_url(),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def put(key: str = "k", **options: object) -> OutboxMessage:
    enqueue(topic=TOPIC, key=key, payload={"key": key}, now=NOON, **options)
    return OutboxMessage.objects.get(topic=TOPIC, key=key)


def test_a_message_is_delivered_once_however_often_it_is_enqueued(
    db: None, notebook: Notebook
) -> None:
    put()
    put()
    assert (deliver_due(now=NOON), deliver_due(now=NOON)) == (1, 0)
    assert notebook.calls == [({"key": "k"}, "public")]
    put()
    assert deliver_due(now=NOON) == 0


def test_a_handler_runs_in_the_schema_of_the_messages_provider(
    north: Provider, south: Provider, notebook: Notebook
) -> None:
    for provider in (north, south):
        with provider_schema(provider):
            enqueue(topic=TOPIC, key="same", payload={}, now=NOON)
    assert deliver_due(now=NOON) == 2
    assert {schema for _, schema in notebook.calls} == {north.schema_name, south.schema_name}
    assert current_schema() == "public"


def test_a_message_that_is_rolled_back_is_never_delivered(db: None, notebook: Notebook) -> None:
    with transaction.atomic():
        put()
        transaction.set_rollback(True)
    assert deliver_due(now=NOON) == 0


def test_enqueuing_an_unknown_topic_fails(db: None) -> None:
    with pytest.raises(KeyError):
        enqueue(topic="tests.misspelt", key="k", payload={}, now=NOON)


def test_a_message_is_not_delivered_before_it_is_due(db: None, notebook: Notebook) -> None:
    put(due_at=NOON + timedelta(hours=1))
    assert deliver_due(now=NOON + timedelta(minutes=59)) == 0
    assert deliver_due(now=NOON + timedelta(hours=1)) == 1


def test_retries_wait_longer_each_time_until_the_message_is_dead(
    db: None, notebook: Notebook
) -> None:
    message = put()
    notebook.raises = [ValueError("first"), ValueError("second"), ValueError("third")]
    now = NOON
    for attempt, wait in enumerate((FIRST_RETRY, FIRST_RETRY * 2), start=1):
        assert deliver_due(now=now) == 1
        message.refresh_from_db()
        assert (message.attempts, message.dead_at) == (attempt, None)
        assert message.due_at == now + wait
        assert deliver_due(now=now) == 0
        now = message.due_at
    deliver_due(now=now)
    message.refresh_from_db()
    assert message.dead_at is not None
    assert message.last_error == "ValueError: third"
    assert deliver_due(now=now + LONGEST_RETRY) == 0
    assert len(notebook.calls) == 3


def test_a_dead_message_can_be_tried_again(db: None, notebook: Notebook) -> None:
    message = put()
    notebook.raises = [ValueError("x")] * 3
    for hours in range(3):
        deliver_due(now=NOON + timedelta(hours=hours))
    try_again(message=message, now=NOON)
    assert deliver_due(now=NOON) == 1
    message.refresh_from_db()
    assert message.finished_at is not None
    assert (message.dead_at, message.last_error) == (None, "")


def test_try_again_leaves_a_leased_message_to_its_worker(db: None, notebook: Notebook) -> None:
    message = put()
    held_until = timezone.now() + timedelta(minutes=1)
    OutboxMessage.objects.filter(pk=message.pk).update(leased_until=held_until)
    try_again(message=message, now=NOON)
    assert deliver_due(now=NOON) == 0


def test_postponing_does_not_count_as_an_attempt(db: None, notebook: Notebook) -> None:
    message = put()
    later = NOON + timedelta(days=2)
    notebook.raises = [Postpone(later)] * 5
    for _ in range(5):
        OutboxMessage.objects.update(due_at=NOON)
        assert deliver_due(now=NOON) == 1
    message.refresh_from_db()
    assert (message.attempts, message.due_at, message.dead_at) == (0, later, None)
    assert deliver_due(now=later) == 1


def test_a_message_is_delivered_again_after_its_lease_expires(db: None, notebook: Notebook) -> None:
    message = put()
    OutboxMessage.objects.update(leased_until=timezone.now() + timedelta(seconds=60))
    assert deliver_due(now=NOON) == 0
    OutboxMessage.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert deliver_due(now=NOON) == 1
    message.refresh_from_db()
    assert message.finished_at is not None


def test_a_message_that_kills_its_workers_is_dead(db: None, notebook: Notebook) -> None:
    message = put()
    # Three workers took it and died without a report.
    expired = timezone.now() - timedelta(seconds=1)
    OutboxMessage.objects.update(attempts=3, leased_until=expired)
    assert deliver_due(now=NOON) == 1
    message.refresh_from_db()
    assert notebook.calls == []
    assert message.dead_at is not None
    assert message.last_error.startswith("WorkersLost")


def test_a_failure_after_the_lease_leaves_the_message_to_the_next_worker(
    db: None, notebook: Notebook
) -> None:
    message = put()
    taken_over = timezone.now() + timedelta(minutes=5)

    def outlive_the_lease(payload: object, now: datetime) -> None:
        OutboxMessage.objects.update(leased_until=taken_over)
        raise ValueError("failed after the lease expired")

    handler(TOPIC)(outlive_the_lease)
    deliver_due(now=NOON)
    message.refresh_from_db()
    assert message.leased_until == taken_over
    assert message.due_at == NOON


def test_a_transaction_wakes_workers_once(
    db: None, notebook: Notebook, django_capture_on_commit_callbacks: object
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        for n in range(50):
            put(f"k{n}")
    assert len(callbacks) == 1


ENQUEUE_WITHOUT_REDIS = """
import django
django.setup()
from django.utils import timezone
from core.outbox.delivery import enqueue
from core.outbox.topics import handler
handler("tests.note")(lambda payload, now: None)
enqueue(topic="tests.note", key="unreachable", payload={}, now=timezone.now())
"""


def test_a_message_is_enqueued_while_redis_is_unreachable(
    committed: None, notebook: Notebook
) -> None:
    began = time.monotonic()
    run = run_in_a_process(ENQUEUE_WITHOUT_REDIS, REDIS_URL="redis://127.0.0.1:9/0")
    try:
        assert run.returncode == 0, run.stderr
        assert "Could not wake a worker; the beat will." in run.stderr
        assert time.monotonic() - began < 15
        assert deliver_due(now=timezone.now()) == 1
        assert notebook.calls
    finally:
        OutboxMessage.objects.filter(topic=TOPIC).delete()


def test_concurrent_workers_deliver_each_message_once(committed: None, notebook: Notebook) -> None:
    for n in range(60):
        put(f"race-{n}")
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        try:
            while deliver_due(now=NOON, limit=1):
                pass
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        keys = sorted(str(payload["key"]) for payload, _ in notebook.calls)
        assert keys == sorted(f"race-{n}" for n in range(60))
    finally:
        OutboxMessage.objects.filter(topic=TOPIC).delete()


DIE_WHILE_DOING_IT = """
import os, signal, sys
import django
django.setup()
from django.utils import timezone
from core.outbox.delivery import deliver_due
from core.outbox.topics import handler
def die(payload, now):
    open(sys.argv[1], "a").write("tried\\n")
    os.kill(os.getpid(), signal.SIGKILL)
handler("tests.note", max_attempts=3)(die)
deliver_due(now=timezone.now())
"""


def test_the_next_worker_delivers_the_message_of_a_killed_one(
    committed: None, notebook: Notebook, tmp_path: Path
) -> None:
    message = put("killed")
    seen = tmp_path / "seen"
    try:
        run = run_in_a_process(DIE_WHILE_DOING_IT, str(seen))
        assert run.returncode == -signal.SIGKILL
        assert seen.read_text() == "tried\n"
        assert deliver_due(now=timezone.now()) == 0
        OutboxMessage.objects.filter(pk=message.pk).update(leased_until=timezone.now())
        assert deliver_due(now=timezone.now()) == 1
        message.refresh_from_db()
        assert (message.attempts, message.finished_at is not None) == (2, True)
    finally:
        OutboxMessage.objects.filter(topic=TOPIC).delete()


def test_the_handler_gets_the_payload_that_was_enqueued(db: None, notebook: Notebook) -> None:
    payload = json.loads('{"text": "Grüße \\u2026", "ids": [1, 2], "none": null}')
    enqueue(topic=TOPIC, key="json", payload=payload, now=NOON)
    deliver_due(now=NOON)
    assert notebook.calls[0][0] == payload


def test_a_paused_schema_sends_nothing_until_it_resumes(
    notebook: Notebook, north: Provider, south: Provider
) -> None:
    for provider in (north, south):
        with provider_schema(provider):
            enqueue(topic=TOPIC, key="1", payload={}, now=NOON)
    pause(schema=north.schema_name, reason="restored", now=NOON)

    deliver_due(now=NOON)

    assert [schema for _, schema in notebook.calls] == [south.schema_name]
    resume(schema=north.schema_name)
    deliver_due(now=NOON)
    assert [schema for _, schema in notebook.calls] == [south.schema_name, north.schema_name]
