"""The usage ledger that triggers write (usage/migrations/sql/0002_metering.sql)."""

from typing import ClassVar

from django.db import models

from core.metrics import COUNTED_CHOICES
from tenants.models import Organization


class OrganizationCounter(models.Model):
    """An organization's current count of a metric; the row that additions lock.

    A projection of the events that only triggers write.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, db_index=False)
    metric = models.CharField(max_length=10, choices=COUNTED_CHOICES)
    count = models.PositiveIntegerField(default=0, db_default=0)
    last_event_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "metric"], name="usage_counter_one_per_metric"
            )
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.metric}: {self.count}"


class UsageEvent(models.Model):
    """The addition (+1) or removal (-1) of one user or device. Append-only; the source of truth.

    Events of an organization and metric are ordered by `id`, and `at` never decreases in this
    order. `effective_at` is the real instant, set only where it is earlier than `at`: the report
    came out of order, or after its month was closed. `subject_id` is the user's or device's row,
    which has the name; the view `usage_subject` joins both (docs/decisions/0036).
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, db_index=False)
    metric = models.CharField(max_length=10, choices=COUNTED_CHOICES)
    at = models.DateTimeField()
    delta = models.SmallIntegerField()
    count_after = models.PositiveIntegerField()
    subject_id = models.BigIntegerField()
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=200, blank=True)
    via = models.CharField(max_length=20, blank=True)
    effective_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organization", "metric", "at", "id"], name="usage_event_order"),
            models.Index(
                fields=["effective_at"],
                name="usage_event_reported_late",
                condition=models.Q(effective_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.metric} {self.delta:+d} at {self.at.isoformat()}"
