"""Pushes: every adjustment sent to the PSA, with its answer and the reading after it.

Each of the three rows is added after its step and never changed or deleted (0002_append_only.sql),
so the rows show how far a worker came that died.
"""

from typing import ClassVar

from django.db import models

from integrations.models.mapping import ServiceMapping
from integrations.models.runs import SyncRun


class Push(models.Model):
    """An adjustment, committed before its call.

    `serial` counts a mapping's pushes: of two workers that plan on the same reading only one can
    add the next. A push without a reading is unresolved, and nothing else is sent to its service.
    `delta` is signed; `unit_cost` None does not change the cost.
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
    """The answer to the call. Without one the call was cut off, and its outcome is unknown."""

    class Kind(models.TextChoices):
        """The meaning of the answer."""

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
    """The service as it was read back after the call, and the outcome of the push."""

    class Outcome(models.TextChoices):
        """The outcome of the push."""

        APPLIED = "applied", "Applied"
        NOT_APPLIED = "not_applied", "Not applied"
        DRIFTED = "drifted", "A person changed the service meanwhile"
        VANISHED = "vanished", "The service is gone"

    push = models.OneToOneField(Push, on_delete=models.PROTECT, related_name="reading")
    units = models.IntegerField(null=True)
    cost_total = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    outcome = models.CharField(max_length=20, choices=Outcome)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.push_id}: {self.get_outcome_display()}"
