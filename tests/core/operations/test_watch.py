"""The beat, the workers and the outbox are watched: what is silent or stuck is an alert."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Provider
from core.operations import heartbeats
from core.operations.heartbeats import BEAT, SILENT, WORKER, note, watch_heartbeats
from core.operations.models import Heartbeat, OperationsAlert
from core.operations.outbox_watch import DEAD, LATE, PAUSED, WAITS, outbox_state, watch_outbox
from core.operations.tasks import watch
from core.outbox.delivery import deliver_due, enqueue, try_again
from core.outbox.models import OutboxMessage
from core.outbox.pauses import pause, resume
from core.outbox.topics import Postpone, _topics, handler
from core.schema import provider_schema
from tests.worker import worker

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
TOPIC = "tests.work"
LONGEST_WAIT = timedelta(hours=2)


class Work:
    """A handler that raises `error`, if it is set."""

    error: Exception | None = None

    def do(self, _payload: object, now: datetime) -> None:
        if isinstance(self.error, Postpone):
            raise Postpone(now + timedelta(minutes=5)) from ValueError("no PDF yet")
        if self.error:
            raise self.error


@pytest.fixture
def work() -> Iterator[Work]:
    """A topic with one attempt and a longest wait of two hours."""
    work = Work()
    handler(TOPIC, max_attempts=1, longest_wait=LONGEST_WAIT)(work.do)
    yield work
    del _topics[TOPIC]


def put(provider: Provider, key: str = "k") -> None:
    with provider_schema(provider):
        enqueue(topic=TOPIC, key=key, payload={}, now=NOON)


def open_alerts(kind: str) -> list[OperationsAlert]:
    return list(OperationsAlert.objects.open().filter(kind=kind).order_by("schema_name"))


def test_dead_messages_are_one_alert_of_their_provider_and_topic(
    north: Provider, south: Provider, work: Work
) -> None:
    work.error = ValueError("broken")
    for provider, keys in ((north, "ab"), (south, "c")):
        for key in keys:
            put(provider, key)
    deliver_due(now=NOON)
    watch_outbox(now=NOON)
    alerts = {alert.schema_name: alert for alert in open_alerts(DEAD)}
    assert set(alerts) == {north.schema_name, south.schema_name}
    assert "2 messages of tests.work" in alerts[north.schema_name].summary
    assert "ValueError: broken" in alerts[north.schema_name].summary
    assert "state=dead&topic=tests.work" in alerts[north.schema_name].link


def test_trying_a_dead_message_again_settles_its_alert(north: Provider, work: Work) -> None:
    work.error = ValueError("broken")
    put(north)
    deliver_due(now=NOON)
    watch_outbox(now=NOON)
    assert open_alerts(DEAD)
    try_again(message=OutboxMessage.objects.get(topic=TOPIC), now=NOON)
    watch_outbox(now=NOON)
    assert not open_alerts(DEAD)


def test_a_message_that_is_postponed_beyond_its_longest_wait_is_an_alert_and_stays_pending(
    north: Provider, work: Work
) -> None:
    work.error = Postpone(NOON)
    put(north)
    for hours in range(4):
        now = NOON + timedelta(hours=hours)
        deliver_due(now=now)
        watch_outbox(now=now)
        assert bool(open_alerts(WAITS)) == (timedelta(hours=hours) > LONGEST_WAIT)
    message = OutboxMessage.objects.get(topic=TOPIC)
    assert (message.postponements, message.waiting_since, message.dead_at) == (4, NOON, None)
    assert "ValueError: no PDF yet" in open_alerts(WAITS)[0].summary
    work.error = None
    now = NOON + timedelta(hours=5)
    deliver_due(now=now)
    watch_outbox(now=now)
    assert not open_alerts(WAITS)


def test_a_queue_that_stands_still_is_an_alert(north: Provider, work: Work) -> None:
    put(north)
    late = NOON + timedelta(minutes=11)
    watch_outbox(now=NOON + timedelta(minutes=10))
    assert not open_alerts(LATE)
    watch_outbox(now=late)
    assert "waits for 11 minutes; 1 are due" in open_alerts(LATE)[0].summary
    assert outbox_state(now=late).oldest == timedelta(minutes=11)
    deliver_due(now=late)
    watch_outbox(now=late)
    assert not open_alerts(LATE)
    assert outbox_state(now=late).oldest == timedelta(0)


def test_a_paused_outbox_is_an_alert_after_an_hour_and_not_late(
    north: Provider, work: Work
) -> None:
    put(north)
    pause(schema=north.schema_name, reason="A restore.", now=NOON)
    watch_outbox(now=NOON + timedelta(hours=1))
    assert not open_alerts(PAUSED)
    watch_outbox(now=NOON + timedelta(hours=1, seconds=1))
    assert "A restore." in open_alerts(PAUSED)[0].summary
    assert not open_alerts(LATE)
    resume(schema=north.schema_name)
    watch_outbox(now=NOON + timedelta(hours=1, seconds=1))
    assert not open_alerts(PAUSED)
    assert open_alerts(LATE)


def test_a_silent_beat_or_queue_is_an_alert_until_it_is_heard_again(db: None) -> None:
    note(names=[BEAT, f"{WORKER}money"], now=NOON)
    later = NOON + heartbeats.SILENT_AFTER + timedelta(seconds=1)
    note(names=[f"{WORKER}money"], now=later)
    watch_heartbeats(now=later)
    assert [alert.key for alert in open_alerts(SILENT)] == [BEAT]
    note(names=[BEAT], now=later)
    watch_heartbeats(now=later)
    assert not open_alerts(SILENT)
    watch_heartbeats(now=later + timedelta(hours=1))
    assert [alert.key for alert in open_alerts(SILENT)] == [BEAT, f"{WORKER}money"]


def test_a_queue_that_was_taken_away_is_forgotten_but_the_beat_is_not(db: None) -> None:
    note(names=[BEAT, f"{WORKER}old"], now=NOON)
    watch_heartbeats(now=NOON + timedelta(days=8))
    assert [alert.key for alert in open_alerts(SILENT)] == [BEAT]


def test_the_task_of_the_beat_is_its_sign_of_life(db: None) -> None:
    watch()
    assert timezone.now() - Heartbeat.objects.get(name=BEAT).at < timedelta(minutes=1)


def test_a_worker_writes_heartbeats_and_reports_a_silent_beat(
    committed: None, tmp_path: Path
) -> None:
    note(names=[BEAT], now=timezone.now() - timedelta(hours=1))
    with worker(log=tmp_path / "worker.log") as queue:
        connection.close()
        assert Heartbeat.objects.filter(name=f"{WORKER}{queue}").exists()
        assert [alert.key for alert in open_alerts(SILENT)] == [BEAT]
    Heartbeat.objects.all().delete()
    OperationsAlert.objects.all().delete()
    OutboxMessage.objects.all().delete()
