"""Workers of a lane are woken one after the other while it has messages, and take no other lane."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from core.outbox import delivery, tasks
from core.outbox.delivery import enqueue
from core.outbox.lanes import Lane
from core.outbox.models import OutboxMessage
from core.outbox.topics import _topics, handler

TOPIC = "tests.chain"
SOME_TIME_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Lane]:
    """The lanes of which another worker was woken."""
    woken: list[Lane] = []
    for module in (delivery, tasks):
        monkeypatch.setattr(module, "call_worker", woken.append)
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
    calls: list[Lane],
) -> None:
    put(1, now=SOME_TIME_AGO)

    assert tasks.send_due("people") == 3

    assert OutboxMessage.objects.filter(topic=TOPIC, finished_at=None).count() == 0
    assert calls == [Lane.PEOPLE]


@pytest.mark.usefixtures("db")
def test_a_worker_without_messages_wakes_no_other(calls: list[Lane]) -> None:
    assert tasks.send_due("people") == 0
    assert calls == []


@pytest.mark.usefixtures("chain", "db")
def test_a_worker_takes_the_messages_of_its_lane_only(calls: list[Lane]) -> None:
    put(3, now=SOME_TIME_AGO)

    assert [tasks.send_due(lane.value) for lane in Lane if lane != Lane.PEOPLE] == [0] * 6
    assert tasks.send_due("people") == 1


@pytest.mark.usefixtures("chain", "db")
def test_a_message_may_have_another_lane_than_its_topic(calls: list[Lane]) -> None:
    payload = {"number": 3}
    enqueue(topic=TOPIC, key="3", payload=payload, now=SOME_TIME_AGO, lane=Lane.DOCUMENTS)

    assert tasks.send_due("people") == 0
    assert tasks.send_due("documents") == 1


@pytest.mark.usefixtures("chain", "db")
def test_a_task_that_ends_before_the_messages_wakes_a_worker_that_continues(
    calls: list[Lane], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "SECONDS_PER_TASK", -1)
    put(1, now=SOME_TIME_AGO)

    assert tasks.send_due("people") == 1
    assert calls == [Lane.PEOPLE, Lane.PEOPLE]


@pytest.mark.usefixtures("chain", "db")
def test_the_messages_of_one_transaction_wake_one_worker_of_each_of_their_lanes(
    calls: list[Lane], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        for number in range(20):
            lane = Lane.PSA if number % 2 else None
            payload = {"number": number}
            enqueue(topic=TOPIC, key=str(number), payload=payload, now=SOME_TIME_AGO, lane=lane)
    assert sorted(calls) == [Lane.PEOPLE, Lane.PSA]
