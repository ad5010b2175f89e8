"""Enqueues outbox messages and delivers those that are due."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from core.circuit_breakers import ServiceAway
from core.outbox.lanes import Lane
from core.outbox.models import OutboxMessage
from core.outbox.topics import Postpone, topic_named
from core.schema import connection, current_schema, drop_lost_connection, schema_named
from core.servers import current_server, has_many, on_server
from core.telemetry.counters import DELIVERIES, DELIVERY_SECONDS

logger = logging.getLogger(__name__)

SEND_DUE = "core.outbox.tasks.send_due"
# Lanes of servers to wake, collected inside `batch_wakeups`; None outside of it.
_held_back: ContextVar[set[tuple[Lane, int]] | None] = ContextVar("held_back", default=None)

# Materialized: inlined, the subquery could run, and lock a row, more than once. Leases run by the
# clock of the database: a worker whose own is ahead must not take what another one holds.
_LEASE = """
    WITH due AS MATERIALIZED (
        SELECT id FROM outbox_outboxmessage
        WHERE finished_at IS NULL AND dead_at IS NULL AND due_at <= %(now)s
            AND (leased_until IS NULL OR leased_until <= statement_timestamp())
            AND (%(schema)s::text IS NULL OR schema_name = %(schema)s)
            AND (%(lane)s::text IS NULL OR lane = %(lane)s)
            AND NOT EXISTS (
                SELECT FROM outbox_outboxpause pause
                WHERE pause.schema_name = outbox_outboxmessage.schema_name
            )
        ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox_outboxmessage message
    SET leased_until = statement_timestamp() + %(lease)s, attempts = attempts + 1
    FROM due WHERE message.id = due.id RETURNING message.*
"""

FIRST_RETRY = timedelta(seconds=10)
LONGEST_RETRY = timedelta(hours=1)
DATABASE_PAUSE = timedelta(seconds=30)


class WorkersLost(RuntimeError):
    """Every worker that took the message died before it reported success or failure."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to enqueue; topic and key are unique within the schema."""

    topic: str
    key: str
    payload: dict[str, Any]
    lane: Lane | None = None

    @property
    def chosen_lane(self) -> Lane:
        """Its lane, or that of its topic. Raises `KeyError` for an unknown topic."""
        return self.lane or topic_named(self.topic).lane


def enqueue(
    *,
    topic: str,
    key: str,
    payload: dict[str, Any],
    now: datetime,
    due_at: datetime | None = None,
    lane: Lane | None = None,
) -> None:
    """Store a message of the current provider (or the platform) in the running transaction.

    A second message of the same topic and key is ignored. Its lane is that of its topic, if none is
    named. A worker of the lane is woken after the commit; if that wake-up is lost, the scheduled
    task finds the message within seconds.
    """
    enqueue_all(messages=[NewMessage(topic, key, payload, lane)], now=now, due_at=due_at)


def enqueue_all(
    *, messages: Iterable[NewMessage], now: datetime, due_at: datetime | None = None
) -> None:
    """As `enqueue`, for several messages in one statement; they are delivered in this order."""
    schema = current_schema()
    messages = list(messages)
    OutboxMessage.objects.bulk_create(
        [
            OutboxMessage(
                schema_name="" if schema == "public" else schema,
                topic=message.topic,
                lane=message.chosen_lane,
                key=message.key,
                payload=message.payload,
                created_at=now,
                due_at=due_at or now,
            )
            for message in messages
        ],
        ignore_conflicts=True,
    )
    if due_at is None or due_at <= now:
        for lane in {message.chosen_lane for message in messages}:
            _wake_after_commit(lane)


def try_again(*, message: OutboxMessage, now: datetime) -> None:
    """Make a message pending again with all its attempts, unless a worker holds it."""
    not_leased = Q(leased_until=None) | Q(leased_until__lte=Now())
    OutboxMessage.objects.filter(not_leased, pk=message.pk).update(
        due_at=now,
        attempts=0,
        postponements=0,
        waiting_since=None,
        leased_until=None,
        finished_at=None,
        dead_at=None,
    )
    _wake_after_commit(Lane(message.lane))


@dataclass(frozen=True, slots=True)
class _WakeUp:
    """Wakes a worker of the server's lane; two of one lane are equal."""

    lane: Lane
    server: int

    def __call__(self) -> None:
        held_back = _held_back.get()
        if held_back is None:
            with on_server(self.server):
                call_worker(self.lane)
        else:
            held_back.add((self.lane, self.server))


def _wake_after_commit(lane: Lane) -> None:
    # One wake-up of each lane for a transaction, however many messages it enqueues.
    wake_up = _WakeUp(lane, current_server())
    if not any(func == wake_up for _, func, *_ in connection.run_on_commit):
        transaction.on_commit(wake_up)


@contextmanager
def batch_wakeups() -> Iterator[None]:
    """Replace the wake-ups of all transactions in the block by one of each lane at its end."""
    held_back: set[tuple[Lane, int]] = set()
    token = _held_back.set(held_back)
    try:
        yield
    finally:
        _held_back.reset(token)
        for lane, server in sorted(held_back):
            _WakeUp(lane, server)()


def call_worker(lane: Lane) -> None:
    """Wake a worker of the lane on the entered server.

    If the broker is unreachable, the scheduled task delivers instead. Sends the task by name, as
    its module imports this one.
    """
    try:
        arguments = [lane.value, current_server()] if has_many() else [lane.value]
        current_app.send_task(SEND_DUE, args=arguments, queue=lane.value)
    except Exception:
        logger.warning("Could not wake a worker; the beat will.", exc_info=True)


def deliver_due(
    *, now: datetime, limit: int = 100, schema: str | None = None, lane: Lane | None = None
) -> int:
    """Deliver up to `limit` messages that are due at `now`; returns how many were taken.

    Safe to run concurrently: each message is leased to one worker at a time. With `schema` or
    `lane`, only the messages of that provider or lane. Those of the entered server: a message that
    a provider left behind when it moved is delivered where the provider is.
    """
    taken = 0
    while taken < limit:
        message = _lease_next(now=now, schema=schema, lane=lane)
        if message is None:
            break
        with DELIVERY_SECONDS.labels(message.lane).time():
            outcome = _deliver(message, now=now)
        DELIVERIES.labels(message.lane, message.topic, outcome).inc()
        taken += 1
    return taken


def _lease_next(*, now: datetime, schema: str | None, lane: Lane | None) -> OutboxMessage | None:
    lease = timedelta(seconds=settings.OUTBOX_LEASE_SECONDS)
    parameters = {"now": now, "lease": lease, "schema": schema, "lane": lane}
    return next(iter(OutboxMessage.objects.raw(_LEASE, parameters)), None)


def _deliver(message: OutboxMessage, *, now: datetime) -> str:
    """Deliver a leased message; returns the outcome: done, postponed, failed or dead."""
    schema = message.schema_name
    try:
        topic = topic_named(message.topic)
        if message.attempts > topic.max_attempts:
            # `_record_failure` ends failed messages earlier: only workers that died get here.
            raise WorkersLost("Every worker that took this message was lost.")
        with schema_named(schema) if schema else nullcontext():
            topic.handler(message.payload, now)
    except Postpone as postponed:
        _postpone(message, until=postponed.until, reason=postponed.reason, now=now)
    except ServiceAway as away:
        _postpone(message, until=now + away.wait, reason=str(away), now=now)
    except OperationalError as error:
        _wait_for_database(message, error=error, now=now)
    except Exception as error:
        logger.exception(
            "Outbox message %s failed",
            message.pk,
            extra={"topic": message.topic, "provider": schema},
        )
        return "dead" if _record_failure(message, error=error, now=now) else "failed"
    else:
        message.finish(now=timezone.now())
        return "done"
    return "postponed"


def _postpone(message: OutboxMessage, *, until: datetime, reason: str, now: datetime) -> None:
    message.attempts -= 1
    message.postponements += 1
    message.waiting_since = message.waiting_since or now
    message.last_error = reason[:2000]
    _release(message, due_at=until)


def _wait_for_database(message: OutboxMessage, *, error: OperationalError, now: datetime) -> None:
    """Postpone after a wait for a lock in vain, or after the connection was lost.

    The provider's other due messages of the lane are postponed too: each would hold a worker for
    the same lock, one after the other.
    """
    if connection.in_atomic_block and connection.needs_rollback:
        raise error
    logger.warning("Outbox message %s waits for the database", message.pk, exc_info=error)
    drop_lost_connection()
    until = now + DATABASE_PAUSE
    _postpone(message, until=until, reason=f"{type(error).__name__}: {error}", now=now)
    if message.schema_name:
        OutboxMessage.objects.filter(
            schema_name=message.schema_name,
            lane=message.lane,
            finished_at=None,
            dead_at=None,
            leased_until=None,
            due_at__lte=now,
        ).update(due_at=until)


def _record_failure(message: OutboxMessage, *, error: Exception, now: datetime) -> bool:
    """Record a failed attempt; returns whether it was the last one."""
    if connection.in_atomic_block and connection.needs_rollback:
        raise error
    message.last_error = f"{type(error).__name__}: {error}"[:2000]
    try:
        dead = message.attempts >= topic_named(message.topic).max_attempts
    except KeyError:
        dead = True
    if dead:
        message.dead_at = timezone.now()
    wait = min(FIRST_RETRY * 2 ** (message.attempts - 1), LONGEST_RETRY)
    _release(message, due_at=now + wait)
    return dead


def _release(message: OutboxMessage, *, due_at: datetime) -> None:
    """End the lease, unless it expired meanwhile and another worker holds the message."""
    OutboxMessage.objects.filter(
        pk=message.pk, leased_until=message.leased_until, finished_at=None
    ).update(
        due_at=due_at,
        leased_until=None,
        attempts=message.attempts,
        postponements=message.postponements,
        waiting_since=message.waiting_since,
        last_error=message.last_error,
        dead_at=message.dead_at,
    )
