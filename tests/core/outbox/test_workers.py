"""Workers are woken one after the other while there are messages, and none without messages."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from core.outbox import delivery, tasks
from core.outbox.delivery import enqueue
from core.outbox.models import OutboxMessage
from core.outbox.topics import _topics, handler

TOPIC = "tests.chain"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The instants at which another worker was woken."""
    woken: list[datetime] = []
    for module in (delivery, tasks):
        monkeypatch.setattr(module, "call_worker", lambda: woken.append(timezone.now()))
    return woken


@pytest.fixture
def chain() -> Iterator[None]:
    """A topic whose handler enqueues the next message, three in all."""

    def enqueue_next(payload: dict[str, int], now: datetime) -> None:
        if payload["number"] < 3:
            put(payload["number"] + 1, now=now)

    handler(TOPIC)(enqueue_next)
    yield
    del _topics[TOPIC]


def put(number: int, *, now: datetime) -> None:
    enqueue(topic=TOPIC, key=str(number), payload={"number": number}, now=now)


@pytest.mark.usefixtures("chain", "db")
def test_a_worker_with_messages_wakes_one_more_and_delivers_those_that_handlers_enqueue(
    calls: list[datetime],
) -> None:
    put(1, now=datetime(2020, 1, 1, tzinfo=UTC))

    assert tasks.send_due() == 3

    assert OutboxMessage.objects.filter(topic=TOPIC, finished_at=None).count() == 0
    assert len(calls) == 1


@pytest.mark.usefixtures("db")
def test_a_worker_without_messages_wakes_no_other(calls: list[datetime]) -> None:
    assert tasks.send_due() == 0
    assert calls == []
