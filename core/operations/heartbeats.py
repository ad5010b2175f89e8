"""Signs of life of the beat and of the workers, and alerts about those that are silent.

Each worker process writes a heartbeat for the queues that it consumes and looks at those of the
others, so one living worker is enough to report a silent beat or a silent queue. Their time is the
machine's (`core.clock.machine_now`): a portal whose clock is moved has no silent part.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Q

from core.operations.alerts import Cause, found_everywhere
from core.operations.kinds import alert_kind
from core.operations.models import Heartbeat

BEAT = "beat"
WORKER = "worker:"
# Both write every half minute.
SILENT_AFTER = timedelta(minutes=3)
# A queue whose workers were taken away for good is forgotten.
FORGOTTEN_AFTER = timedelta(days=7)

SILENT = alert_kind("operations.silent", title="The beat or a worker is silent")


def note(*, names: Iterable[str], now: datetime) -> None:
    """Record a sign of life of these; in one order, since several workers write the same rows."""
    Heartbeat.objects.bulk_create(
        [Heartbeat(name=name, at=now) for name in sorted(set(names))],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["at"],
    )


def expect_beat(*, now: datetime) -> None:
    """Count the beat's silence from now on, if it never gave a sign of life."""
    Heartbeat.objects.bulk_create([Heartbeat(name=BEAT, at=now)], ignore_conflicts=True)


def ages(*, now: datetime) -> dict[str, timedelta]:
    """The age of each heartbeat by its name."""
    remembered = Q(name=BEAT) | Q(at__gt=now - FORGOTTEN_AFTER)
    rows = Heartbeat.objects.filter(remembered).order_by("name")
    return {row.name: max(timedelta(0), now - row.at) for row in rows}


def watch_heartbeats(*, now: datetime) -> None:
    """Open an alert for each silent part, and settle those of parts that are heard again."""
    silent = [
        Cause(
            key=name,
            summary=f"{described(name)} gave no sign of life for {_minutes(age)}.",
            next_step="See whether its process runs, and start it again. Nothing is lost: what is "
            "due waits in the outbox, and each scheduled task does the work of missed runs.",
        )
        for name, age in ages(now=now).items()
        if age > SILENT_AFTER
    ]
    found_everywhere(kind=SILENT, causes={"": silent}, now=now)


def described(name: str) -> str:
    """The name for a person: "The beat", "The worker of the queue money"."""
    if name == BEAT:
        return "The beat"
    return f"The worker of the queue {name.removeprefix(WORKER)}"


def _minutes(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    return f"{minutes:,} minutes" if minutes < 120 else f"{minutes // 60:,} hours"  # noqa: PLR2004 - two hours
