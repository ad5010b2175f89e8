"""Putting work into the outbox, and doing what is due."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from core.outbox.models import OutboxMessage
from core.outbox.topics import Postpone, topic_named
from core.schema import connection, current_schema, schema_named

logger = logging.getLogger(__name__)

SEND_DUE = "core.outbox.tasks.send_due"
# Wake-ups asked for inside `batch_wakeups`; None outside of it.
_held_back: ContextVar[list[None] | None] = ContextVar("held_back", default=None)

# The chosen row is materialized: inlined, it could be chosen, and locked, more than once.
_LEASE = """
    WITH due AS MATERIALIZED (
        SELECT id FROM outbox_outboxmessage
        WHERE finished_at IS NULL AND dead_at IS NULL AND due_at <= %(now)s
            AND (leased_until IS NULL OR leased_until <= %(instant)s)
            AND (%(schema)s::text IS NULL OR schema_name = %(schema)s)
        ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox_outboxmessage message
    SET leased_until = %(until)s, attempts = attempts + 1
    FROM due WHERE message.id = due.id RETURNING message.*
"""

FIRST_RETRY = timedelta(seconds=10)
LONGEST_RETRY = timedelta(hours=1)


class WorkersLost(RuntimeError):
    """The message was taken as often as it may be, and nobody came back to say what happened."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """Work to be done: a topic, what makes it one of a kind within its schema, and its details."""

    topic: str
    key: str
    payload: dict[str, Any]


def enqueue(
    *, topic: str, key: str, payload: dict[str, Any], now: datetime, due_at: datetime | None = None
) -> None:
    """Record work of the current provider (or the platform) in the running transaction.

    A second message of the same topic and key is ignored. Workers are woken after commit; should
    that wake-up be lost, the beat finds the message within seconds.
    """
    enqueue_all(orders=[NewMessage(topic, key, payload)], now=now, due_at=due_at)


def enqueue_all(
    *, orders: Iterable[NewMessage], now: datetime, due_at: datetime | None = None
) -> None:
    """As `enqueue`, for several in one statement; they are done in their order."""
    schema = current_schema()
    OutboxMessage.objects.bulk_create(
        [
            OutboxMessage(
                schema_name="" if schema == "public" else schema,
                topic=topic_named(order.topic).name,
                key=order.key,
                payload=order.payload,
                created_at=now,
                due_at=due_at or now,
            )
            for order in orders
        ],
        ignore_conflicts=True,
    )
    if due_at is None or due_at <= now:
        _wake_after_commit()


def try_again(*, message: OutboxMessage, now: datetime) -> None:
    """Give a message its attempts back, dead or not; does nothing to one that a worker holds."""
    OutboxMessage.objects.filter(pk=message.pk).filter(_free()).update(
        due_at=now, attempts=0, leased_until=None, finished_at=None, dead_at=None
    )
    _wake_after_commit()


def _wake_after_commit() -> None:
    """One wake-up for a transaction, however many messages it enqueues."""
    if not any(func is _wake_worker for _, func, *_ in connection.run_on_commit):
        transaction.on_commit(_wake_worker)


@contextmanager
def batch_wakeups() -> Iterator[None]:
    """For bulk work: what commits inside wakes the workers once, at the end of the block."""
    asked: list[None] = []
    token = _held_back.set(asked)
    try:
        yield
    finally:
        _held_back.reset(token)
        if asked:
            _wake_worker()


def _wake_worker() -> None:
    held_back = _held_back.get()
    if held_back is None:
        call_worker()
    else:
        held_back.append(None)


def call_worker() -> None:
    """Have a worker look for work now; should the broker be away, the beat will.

    The task is sent by its name: its module imports this one.
    """
    try:
        current_app.send_task(SEND_DUE)
    except Exception:
        logger.warning("Could not wake a worker; the beat will.", exc_info=True)


def deliver_due(*, now: datetime, limit: int = 100, schema: str | None = None) -> int:
    """Do up to `limit` messages that are due at `now`; returns how many were taken.

    Safe to run anywhere at once: each message is leased to one worker at a time. With `schema` only
    that provider's.
    """
    taken = 0
    while taken < limit:
        message = _lease_next(now=now, schema=schema)
        if message is None:
            break
        _deliver(message, now=now)
        taken += 1
    return taken


def _lease_next(*, now: datetime, schema: str | None) -> OutboxMessage | None:
    """The next message that is due, leased in one statement: what others are leasing is skipped."""
    instant = timezone.now()
    until = instant + timedelta(seconds=settings.OUTBOX_LEASE_SECONDS)
    asked = {"now": now, "instant": instant, "until": until, "schema": schema}
    return next(iter(OutboxMessage.objects.raw(_LEASE, asked)), None)


def _free() -> Q:
    """Held by nobody; a lease runs by the wall clock even where `now` is a story's date."""
    return Q(leased_until=None) | Q(leased_until__lte=timezone.now())


def _deliver(message: OutboxMessage, *, now: datetime) -> None:
    schema = message.schema_name
    try:
        topic = topic_named(message.topic)
        if message.attempts > topic.max_attempts:
            # Failures are counted below; only workers that died doing it leave an attempt too many.
            raise WorkersLost("Every worker that took this message was lost.")
        with schema_named(schema) if schema else nullcontext():
            topic.handler(message.payload, now)
    except Postpone as later:
        message.attempts -= 1
        _give_back(message, due_at=later.until)
    except Exception as error:
        logger.exception("Outbox message %s failed", message.pk)
        _record_failure(message, error=error, now=now)
    else:
        message.finished_at = timezone.now()
        message.leased_until = None
        message.last_error = ""
        message.save(update_fields=["finished_at", "leased_until", "last_error"])


def _record_failure(message: OutboxMessage, *, error: Exception, now: datetime) -> None:
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
    _give_back(message, due_at=now + wait)


def _give_back(message: OutboxMessage, *, due_at: datetime) -> None:
    """Back into the queue, unless the lease ran out meanwhile and another worker has it."""
    OutboxMessage.objects.filter(
        pk=message.pk, leased_until=message.leased_until, finished_at=None
    ).update(
        due_at=due_at,
        leased_until=None,
        attempts=message.attempts,
        last_error=message.last_error,
        dead_at=message.dead_at,
    )
