"""The table of outbox messages of all providers, in the public schema."""

from datetime import datetime
from typing import Any, ClassVar

from django.db import models

from core.outbox.lanes import Lane

# Of a mail. Texts contain links that sign their reader in.
BLANK_BODY = {"text": "", "html": ""}


class OutboxMessage(models.Model):
    """An effect outside the database that must happen at least once after its commit.

    `schema_name` is the provider's schema, empty for work of the platform. Topic and key are unique
    within a schema, so one cause makes one message. A worker holds a message until `leased_until`;
    if it is killed, the lease expires and another worker takes the message. `waiting_since` is the
    first of its `postponements`. Only workers of its lane take it.
    """

    schema_name = models.CharField(max_length=63, blank=True)
    topic = models.CharField(max_length=60)
    # The value in the database is for the previous release, which writes no lane.
    lane = models.CharField(
        max_length=20,
        choices=[(lane.value, lane.value) for lane in Lane],
        db_default=Lane.PEOPLE.value,
    )
    key = models.CharField(max_length=200)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    postponements = models.PositiveIntegerField(default=0, db_default=0)
    waiting_since = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    finished_at = models.DateTimeField(null=True)
    dead_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["schema_name", "topic", "key"], name="outbox_one_message_per_cause"
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"],
                name="outbox_due",
                condition=models.Q(finished_at__isnull=True, dead_at__isnull=True),
            ),
            models.Index(
                fields=["lane", "due_at"],
                name="outbox_due_in_lane",
                condition=models.Q(finished_at__isnull=True, dead_at__isnull=True),
            ),
            models.Index(
                fields=["dead_at"],
                name="outbox_dead",
                condition=models.Q(finished_at__isnull=True, dead_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.key}"

    @property
    def payload_without_body(self) -> dict[str, Any]:
        """The payload; the text and HTML of a mail are blank."""
        return {key: BLANK_BODY.get(key, fact) for key, fact in self.payload.items()}

    def finish(self, *, now: datetime) -> None:
        """Record the delivery. The body of a mail is blanked at once, as nothing reads it again."""
        self.finished_at = now
        self.leased_until = None
        self.last_error = ""
        self.payload = self.payload_without_body
        self.save(update_fields=["finished_at", "leased_until", "last_error", "payload"])


class OutboxPause(models.Model):
    """A schema whose messages are not delivered for now, with the reason."""

    schema_name = models.CharField(max_length=63, primary_key=True)
    reason = models.CharField(max_length=200)
    paused_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.schema_name}: {self.reason}"
