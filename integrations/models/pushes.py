"""Every adjustment ever sent: what was meant, what was answered, what was read back.

Three rows, each added when its step is over and never changed or deleted (0002_append_only.sql), so
a worker that dies anywhere leaves exactly what it knew.
"""

from typing import ClassVar

from django.db import models

from integrations.models.mapping import ServiceMapping
from integrations.models.runs import SyncRun


class Push(models.Model):
    """An adjustment about to be sent; committed before the call.

    `serial` counts a mapping's pushes: of two workers that decide on the same reading only one can
    add the next. A push without a reading is unresolved, and nothing else is sent to its service.
    `delta` is signed; `unit_cost` None leaves the cost alone.
    """

    mapping = models.ForeignKey(
        ServiceMapping, on_delete=models.PROTECT, related_name="pushes", db_index=False
    )
    serial = models.PositiveIntegerField()
    run = models.ForeignKey(SyncRun, on_delete=models.PROTECT, related_name="pushes")
    month = models.DateField()
    contract_id = models.BigIntegerField()
    contract_service_id = models.BigIntegerField()
    effective_date = models.DateField()
    units_before = models.IntegerField()
    units_target = models.IntegerField()
    delta = models.IntegerField()
    unit_cost = models.DecimalField(max_digits=12, decimal_places=4, null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["mapping", "serial"], name="integrations_push_next_once"
            )
        ]

    def __str__(self) -> str:
        return f"push {self.serial} of {self.mapping_id}: {self.delta:+d}"


class PushAnswer(models.Model):
    """What came back from the call. A push without one was cut off: its outcome is unknown."""

    class Kind(models.TextChoices):
        """What the answer says about the adjustment."""

        ACCEPTED = "accepted", "Accepted"
        REFUSED = "refused", "Refused"
        DUPLICATE = "duplicate", "Refused: the service period exists already"
        BUSY = "busy", "Too busy: not taken"
        NOT_SENT = "not_sent", "Never sent"
        UNKNOWN = "unknown", "Unknown"

    push = models.OneToOneField(Push, on_delete=models.PROTECT, related_name="answer")
    kind = models.CharField(max_length=10, choices=Kind)
    text = models.TextField(blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.push_id}: {self.get_kind_display()}"


class PushReading(models.Model):
    """What was read back afterwards, and what that means."""

    class Verdict(models.TextChoices):
        """What became of the push."""

        APPLIED = "applied", "Applied"
        NOT_APPLIED = "not_applied", "Not applied"
        DRIFTED = "drifted", "Somebody else changed the service meanwhile"
        VANISHED = "vanished", "The service is gone"

    push = models.OneToOneField(Push, on_delete=models.PROTECT, related_name="reading")
    units = models.IntegerField(null=True)
    cost_total = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    verdict = models.CharField(max_length=20, choices=Verdict)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.push_id}: {self.get_verdict_display()}"
