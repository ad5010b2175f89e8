"""A message that waits for a lock, or loses the database, is postponed and holds no other."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Provider
from core.outbox.delivery import deliver_due, enqueue
from core.outbox.lanes import Lane
from core.outbox.models import OutboxMessage
from core.outbox.topics import _topics, handler
from core.schema import provider_schema
from tests.held_locks import LEDGER, held, impatient, other_client

TOPIC = "tests.ledger"


@pytest.fixture
def done() -> Iterator[list[str]]:
    """The keys of delivered messages of a topic that needs the ledger's lock."""
    keys: list[str] = []

    def lock_ledger(payload: dict[str, str], _: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(LEDGER)
        keys.append(payload["key"])

    handler(TOPIC)(lock_ledger)
    yield keys
    del _topics[TOPIC]
    OutboxMessage.objects.filter(topic=TOPIC).delete()


def put(provider: Provider, key: str, **options: object) -> None:
    with provider_schema(provider):
        enqueue(topic=TOPIC, key=key, payload={"key": key}, now=timezone.now(), **options)


def test_a_message_that_waits_for_a_lock_is_postponed_with_the_others_of_its_provider(
    own_provider: Callable[..., Provider], done: list[str]
) -> None:
    stuck, free = own_provider(prefix="STUCK"), own_provider(prefix="FREE")
    for number in range(5):
        put(stuck, f"stuck-{number}")
    put(free, "free")
    put(stuck, "other lane", lane=Lane.DOCUMENTS)

    now = timezone.now()
    with held(stuck), impatient(lock_timeout="100ms"):
        assert deliver_due(now=now, lane=Lane.PEOPLE) == 2
    assert done == ["free"]

    waiting = OutboxMessage.objects.filter(schema_name=stuck.schema_name, lane=Lane.PEOPLE)
    assert {message.attempts for message in waiting} == {0}
    assert all(message.due_at > now for message in waiting)
    tried = waiting.get(key="stuck-0")
    assert (tried.postponements, tried.waiting_since) == (1, now)
    assert tried.last_error.startswith("OperationalError: canceling statement due to lock timeout")

    assert deliver_due(now=now + timedelta(minutes=1)) == 6
    assert sorted(done) == ["free", "other lane", *(f"stuck-{number}" for number in range(5))]


def test_a_message_that_loses_its_connection_is_postponed_and_the_worker_continues(
    own_provider: Callable[..., Provider], done: list[str]
) -> None:
    provider = own_provider()
    put(provider, "later")
    lost: list[int] = []

    def lose_the_connection(payload: dict[str, str], now: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            if not lost:
                lost.append(cursor.fetchone()[0])
                with other_client() as client:
                    client.execute("SELECT pg_terminate_backend(%s)", lost)
            cursor.execute("SELECT 1")
        done.append(payload["key"])

    handler(TOPIC)(lose_the_connection)
    now = timezone.now()
    assert deliver_due(now=now) == 1
    message = OutboxMessage.objects.get(topic=TOPIC)
    assert (message.attempts, message.postponements, message.dead_at) == (0, 1, None)

    assert deliver_due(now=now + timedelta(minutes=1)) == 1
    assert done == ["later"]
