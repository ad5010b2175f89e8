"""What the PSA sync promises for each provider; `core.operations.promises` checks it in rounds."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from accounts.providers import current_provider
from accounts.stages import Use
from core.operations.alerts import Cause
from core.operations.promises import promise
from core.schema import connection, current_schema
from integrations.autotask.sync.runs import LONGEST_RUN, TOPIC
from integrations.models import AutotaskConnection, ServiceMapping, SyncRun

# A night's run reads back every push of the night before.
READ_BACK_WITHIN = timedelta(hours=36)
NEXT_STEP = "Read the provider's Autotask runs and the log. The next night's run checks again."

_UNREAD = """
    SELECT count(*), min(push.created_at) FROM integrations_push push
    WHERE push.created_at < %(before)s
        AND NOT EXISTS (SELECT FROM integrations_pushreading WHERE push_id = push.id)
"""
_RUNS = """
    SELECT run.id, run.kind, run.day, run.created_at < %(longest)s FROM integrations_syncrun run
    WHERE run.finished_at IS NULL AND run.created_at < %(soon)s
        AND (run.created_at < %(longest)s
             OR NOT EXISTS (SELECT FROM outbox_outboxmessage
                            WHERE schema_name = %(schema)s AND topic = %(topic)s
                                AND finished_at IS NULL
                                AND payload @> jsonb_build_object('run', run.id)))
    ORDER BY run.id
"""


@promise("psa.night", broken="The PSA sync does not run")
def runs_take_place(*, now: datetime) -> Iterator[Cause]:
    """A syncing provider has a nightly run every day, and each run ends or has its message."""
    settings = AutotaskConnection.objects.current()
    is_due = current_provider().allows(Use.DAILY_WORK, now)
    if settings is None or not settings.is_syncing or not is_due:
        return
    last = SyncRun.objects.filter(kind=SyncRun.Kind.NIGHTLY).order_by("-created_at").first()
    since = last.created_at if last else settings.connected_at
    is_late = since is not None and now - since > READ_BACK_WITHIN
    if is_late and ServiceMapping.objects.living().exists():
        yield Cause(
            key="nightly",
            summary=f"The last nightly run began at {since:%-d %B, %H:%M} UTC.",
            next_step=NEXT_STEP,
        )
    parameters = {
        "schema": current_schema(),
        "topic": TOPIC,
        "soon": now - timedelta(hours=1),
        "longest": now - LONGEST_RUN - timedelta(hours=1),
    }
    with connection.cursor() as cursor:
        cursor.execute(_RUNS, parameters)
        for pk, kind, day, is_long in cursor.fetchall():
            why = "is unfinished for too long" if is_long else "is unfinished, without a message"
            yield Cause(
                key=f"run:{pk}", summary=f"The {kind} run of {day} {why}.", next_step=NEXT_STEP
            )


@promise("psa.push", broken="Pushes to the PSA are not read back")
def pushes_are_read_back(*, now: datetime) -> Iterator[Cause]:
    """The outcome of each push is read back within a day, also if its answer was lost."""
    with connection.cursor() as cursor:
        cursor.execute(_UNREAD, {"before": now - READ_BACK_WITHIN})
        count, since = cursor.fetchone()
    if count:
        yield Cause(
            key="unread",
            summary=f"The outcome of {count:,} is unknown, the first of {since:%-d %B, %H:%M} UTC. "
            "Nothing else is sent to their services.",
            next_step=NEXT_STEP,
        )
