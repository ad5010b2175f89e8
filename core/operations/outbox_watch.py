"""The watch of the outbox: dead messages, messages that wait too long, a queue that stands still.

A message that exists is done, pending or in one of these alerts. So a promise of the product holds
as soon as its message exists (see `core.operations.promises`).
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.urls import reverse

from core.operations.alerts import Cause, found_everywhere
from core.operations.kinds import alert_kind
from core.outbox.lanes import Lane
from core.outbox.models import OutboxPause
from core.outbox.topics import topics

OLDEST_PENDING = timedelta(minutes=10)
# A restore takes minutes.
LONGEST_PAUSE = timedelta(hours=1)

DEAD = alert_kind("outbox.dead", title="Messages are dead")
WAITS = alert_kind("outbox.waits", title="Messages wait for too long")
PAUSED = alert_kind("outbox.paused", title="An outbox is paused")
LATE = alert_kind("outbox.late", title="Due messages are not delivered")

_DEAD = """
    SELECT schema_name, topic, count(*), min(dead_at),
        (array_agg(last_error ORDER BY dead_at DESC))[1]
    FROM outbox_outboxmessage WHERE finished_at IS NULL AND dead_at IS NOT NULL
    GROUP BY schema_name, topic
"""
_WAITING = """
    SELECT schema_name, message.topic, count(*), min(waiting_since),
        (array_agg(last_error ORDER BY waiting_since))[1]
    FROM outbox_outboxmessage message
    JOIN unnest(%(topics)s::text[], %(longest_wait)s::interval[]) AS budget (topic, longest_wait)
        ON budget.topic = message.topic
    WHERE finished_at IS NULL AND dead_at IS NULL AND waiting_since < %(now)s - budget.longest_wait
    GROUP BY schema_name, message.topic
"""
_STATES = """
    SELECT lane, count(*) FILTER (WHERE dead_at IS NULL),
        count(*) FILTER (WHERE dead_at IS NULL AND due_at <= %(now)s),
        count(*) FILTER (WHERE dead_at IS NOT NULL),
        min(due_at) FILTER (WHERE dead_at IS NULL AND due_at <= %(now)s)
    FROM outbox_outboxmessage message
    WHERE finished_at IS NULL
        AND NOT EXISTS (SELECT FROM outbox_outboxpause
                        WHERE outbox_outboxpause.schema_name = message.schema_name)
    GROUP BY lane
"""

_STUCK = """
    SELECT topic, count(*) FILTER (WHERE dead_at IS NOT NULL),
        count(*) FILTER (WHERE dead_at IS NULL), min(coalesce(dead_at, due_at))
    FROM outbox_outboxmessage message
    WHERE finished_at IS NULL AND (dead_at IS NOT NULL OR due_at < %(late)s)
    GROUP BY topic ORDER BY 2 DESC, 4, topic
"""


@dataclass(frozen=True, slots=True)
class OutboxState:
    """Counts of unfinished messages; `oldest` is how long the oldest due one has been due."""

    pending: int
    due: int
    dead: int
    oldest: timedelta


def lane_states(*, now: datetime) -> dict[str, OutboxState]:
    """The unfinished messages of all schemas that are not paused, by lane, in one statement."""
    states = {lane.value: OutboxState(0, 0, 0, timedelta(0)) for lane in Lane}
    with connection.cursor() as cursor:
        cursor.execute(_STATES, {"now": now})
        for lane, pending, due, dead, oldest_at in cursor.fetchall():
            oldest = now - oldest_at if oldest_at else timedelta(0)
            states[lane] = OutboxState(pending, due, dead, oldest)
    return states


def outbox_state(*, now: datetime) -> OutboxState:
    """As `lane_states`, of all lanes together."""
    states = lane_states(now=now).values()
    return OutboxState(
        pending=sum(state.pending for state in states),
        due=sum(state.due for state in states),
        dead=sum(state.dead for state in states),
        oldest=max(state.oldest for state in states),
    )


@dataclass(frozen=True, slots=True)
class StuckTopic:
    """Dead messages of a topic, and those due for longer than `OLDEST_PENDING`."""

    topic: str
    dead: int
    late: int
    since: datetime

    @property
    def link(self) -> str:
        """The list of these messages."""
        return _list_of(state="dead" if self.dead else "pending", topic=self.topic)


def stuck_topics(*, now: datetime) -> list[StuckTopic]:
    """The topics with dead or late messages, of all schemas, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_STUCK, {"late": now - OLDEST_PENDING})
        return [StuckTopic(*row) for row in cursor.fetchall()]


def watch_outbox(*, now: datetime) -> None:
    """Open and settle the alerts of the outbox, of all schemas, with a statement for each kind.

    Trying a dead message again, or its end, settles its alert at the next watch.
    """
    found_everywhere(kind=DEAD, causes=_dead(), now=now)
    found_everywhere(kind=WAITS, causes=_waiting(now=now), now=now)
    found_everywhere(kind=PAUSED, causes=_paused(now=now), now=now)
    state = outbox_state(now=now)
    late = []
    if state.oldest > OLDEST_PENDING:
        minutes = int(state.oldest.total_seconds() // 60)
        late = [
            Cause(
                key="oldest",
                summary=f"The oldest due message waits for {minutes:,} minutes; {state.due:,} are "
                "due.",
                next_step="See whether the workers run and whether one kind of message holds them.",
                link=_list_of(state="pending"),
            )
        ]
    found_everywhere(kind=LATE, causes={"": late}, now=now)


def _dead() -> dict[str, list[Cause]]:
    causes = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_DEAD)
        for schema, topic, count, since, error in cursor.fetchall():
            causes[schema].append(
                Cause(
                    key=topic,
                    summary=f"{_messages(count)} of {topic}, the first since {_at(since)}. "
                    f"Last error: {error}",
                    next_step="Remove the cause of the error, then choose Try again on them.",
                    link=_list_of(state="dead", topic=topic, schema=schema),
                )
            )
    return causes


def _waiting(*, now: datetime) -> dict[str, list[Cause]]:
    causes = defaultdict(list)
    known = topics()
    parameters: dict[str, Any] = {
        "topics": [topic.name for topic in known],
        "longest_wait": [topic.longest_wait for topic in known],
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, parameters)
        for schema, topic, count, since, error in cursor.fetchall():
            reason = f" It waits for: {error}" if error else ""
            causes[schema].append(
                Cause(
                    key=topic,
                    summary=f"{_messages(count)} of {topic}, the first since {_at(since)}."
                    + reason,
                    next_step="They are tried again until they succeed. Find out why what they "
                    "wait for does not come.",
                    link=_list_of(state="pending", topic=topic, schema=schema),
                )
            )
    return causes


def _paused(*, now: datetime) -> dict[str, list[Cause]]:
    return {
        pause.schema_name: [
            Cause(
                key="pause",
                summary=f"Nothing is delivered since {_at(pause.paused_at)}: {pause.reason}",
                next_step="Finish what paused it: see Restoring one provider in the runbook.",
            )
        ]
        for pause in OutboxPause.objects.filter(paused_at__lt=now - LONGEST_PAUSE)
    }


def _messages(count: int) -> str:
    return f"{count:,} message{'' if count == 1 else 's'}"


def _at(instant: datetime) -> str:
    return f"{instant:%-d %B, %H:%M} UTC"


def _list_of(*, state: str, topic: str = "", schema: str = "") -> str:
    path = reverse("admin:outbox_outboxmessage_changelist") + f"?state={state}"
    if topic:
        path += f"&topic={topic}"
    return path + (f"&q={schema}" if schema else "")
