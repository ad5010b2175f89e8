"""Drift: a person's edit in the PSA, and the decision on it."""

from typing import ClassVar

from django.db import models

from integrations.models.mapping import ServiceMapping


class Drift(models.Model):
    """A service with other units, or another cost, than those confirmed last.

    `expected_units` were confirmed, `observed_units` are in Autotask. `persons_units` is the number
    that the person set: less than observed where our own change came on top. `desired_units` is the
    organization's own quantity. Open until `decided_at`; one open per mapping. `decided_serial` is
    the mapping's last push before the decision: a later push carries the decision out.
    """

    class Decision(models.TextChoices):
        """How the drift ended."""

        ACCEPT = "accept", "Autotask's number kept for the month"
        OVERWRITE = "overwrite", "Overwritten with ours"
        GONE = "gone", "Autotask agrees again"
        SUPERSEDED = "superseded", "Changed once more"

    mapping = models.ForeignKey(ServiceMapping, on_delete=models.PROTECT, related_name="drifts")
    month = models.DateField()
    expected_units = models.IntegerField()
    observed_units = models.IntegerField()
    persons_units = models.IntegerField()
    desired_units = models.IntegerField()
    expected_unit_cost = models.DecimalField(max_digits=12, decimal_places=4, null=True)
    observed_cost_total = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    detected_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_serial = models.PositiveIntegerField(null=True)
    decision = models.CharField(max_length=12, choices=Decision, blank=True)
    decided_by_name = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["mapping"],
                name="integrations_drift_one_open",
                condition=models.Q(decided_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.mapping_id}: {self.observed_units} instead of {self.expected_units}"
