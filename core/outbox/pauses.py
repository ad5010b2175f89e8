"""Pauses of a schema's outbox: while its data are restored, nothing leaves it."""

from datetime import datetime

from core.outbox.models import OutboxPause


def pause(*, schema: str, reason: str, now: datetime) -> None:
    """Deliver no message of this schema until `resume`; a pause that is there keeps its date.

    A message that a worker holds already is finished.
    """
    OutboxPause.objects.get_or_create(
        schema_name=schema, defaults={"reason": reason, "paused_at": now}
    )


def resume(*, schema: str) -> None:
    """End the pause, if there is one: within seconds the beat wakes the workers."""
    OutboxPause.objects.filter(schema_name=schema).delete()
