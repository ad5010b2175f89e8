"""The watch of the outbox: dead messages, messages that wait too long, a queue that stands still.

A message that exists is done, pending or in one of these alerts. So a promise of the product holds
as soon as its message exists (see `core.operations.promises`).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection
from django.urls import reverse

from core.operations.alerts import Cause, found_everywhere
from core.operations.kinds import alert_kind
from core.outbox.lanes import Lane
from core.outbox.models import OutboxPause
from core.outbox.topics import topics
from core.servers import DIRECTORY, current_server, from_each_server, on_server

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
    """As `lane_states_here`, of all servers together; those that do not answer are left out."""
    answers = from_each_server(partial(lane_states_here, now=now)).values()
    return {lane.value: _sum(answer[lane] for answer in answers) for lane in Lane}


def _sum(states: Iterable[OutboxState]) -> OutboxState:
    known = list(states)
    return OutboxState(
        pending=sum(state.pending for state in known),
        due=sum(state.due for state in known),
        dead=sum(state.dead for state in known),
        oldest=max(state.oldest for state in known),
    )


def lane_states_here(*, now: datetime) -> dict[str, OutboxState]:
    """The unfinished messages of the entered server by lane, without paused schemas.

    One statement.
    """
    states = {lane.value: OutboxState(0, 0, 0, timedelta(0)) for lane in Lane}
    with connection.cursor() as cursor:
        cursor.execute(_STATES, {"now": now})
        for lane, pending, due, dead, oldest_at in cursor.fetchall():
            oldest = now - oldest_at if oldest_at else timedelta(0)
            states[lane] = OutboxState(pending, due, dead, oldest)
    return states


def outbox_state(*, now: datetime) -> OutboxState:
    """As `lane_states_here`, of all lanes together."""
    return _sum(lane_states_here(now=now).values())


@dataclass(frozen=True, slots=True)
class StuckTopic:
    """A server's dead messages of a topic, and those due for longer than `OLDEST_PENDING`."""

    topic: str
    dead: int
    late: int
    since: datetime
    server: int

    @property
    def link(self) -> str:
        """The list of these messages."""
        with on_server(self.server):
            return _list_of(state="dead" if self.dead else "pending", topic=self.topic)


def stuck_topics(*, now: datetime) -> list[StuckTopic]:
    """The topics with dead or late messages, of all schemas; one statement for each server."""
    answers = from_each_server(partial(_stuck_topics_here, now=now))
    return [stuck for found in answers.values() for stuck in found]


def _stuck_topics_here(*, now: datetime) -> list[StuckTopic]:
    with connection.cursor() as cursor:
        cursor.execute(_STUCK, {"late": now - OLDEST_PENDING})
        return [
            StuckTopic(topic, dead, late, since, current_server())
            for topic, dead, late, since in cursor.fetchall()
        ]


def watch_outbox(*, now: datetime) -> None:
    """Open and settle the alerts of this server's outbox, with a statement for each kind.

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
    if current_server() != DIRECTORY:
        path += f"&server={current_server()}"
    if topic:
        path += f"&topic={topic}"
    return path + (f"&q={schema}" if schema else "")
