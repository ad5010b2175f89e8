"""How workers are called to the work: all of them where there is some, and nobody in vain."""

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
    """When another worker was called."""
    heard: list[datetime] = []
    for module in (delivery, tasks):
        monkeypatch.setattr(module, "call_worker", lambda: heard.append(timezone.now()))
    return heard


@pytest.fixture
def chain() -> Iterator[None]:
    """A topic whose every message orders the next, three in all."""

    def order_next(payload: dict[str, int], now: datetime) -> None:
        if payload["number"] < 3:
            put(payload["number"] + 1, now=now)

    handler(TOPIC)(order_next)
    yield
    del _topics[TOPIC]


def put(number: int, *, now: datetime) -> None:
    enqueue(topic=TOPIC, key=str(number), payload={"number": number}, now=now)


@pytest.mark.usefixtures("chain", "db")
def test_who_finds_work_calls_one_more_and_does_what_the_work_orders(
    calls: list[datetime],
) -> None:
    put(1, now=datetime(2020, 1, 1, tzinfo=UTC))

    assert tasks.send_due() == 3

    assert OutboxMessage.objects.filter(topic=TOPIC, finished_at=None).count() == 0
    assert len(calls) == 1


@pytest.mark.usefixtures("db")
def test_who_finds_none_calls_nobody(calls: list[datetime]) -> None:
    assert tasks.send_due() == 0
    assert calls == []
