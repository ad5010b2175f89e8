"""A person's edit in the PSA, until somebody decides whose number stands."""

from typing import ClassVar

from django.db import models

from integrations.models.mapping import ServiceMapping


class Drift(models.Model):
    """A service that holds another number than the one last confirmed.

    `expected_units` is what was last read back and agreed, `observed_units` what Autotask shows
    now, `theirs_units` what the person meant: observed, less our own change where both met.
    `desired_units` is the organization's own count then. Open until `decided_at`; one open per
    mapping. `decided_serial` counts the mapping's pushes until then: a later push has carried out
    the decision.
    """

    class Decision(models.TextChoices):
        """What came of it."""

        ACCEPT = "accept", "Autotask's number kept for the month"
        OVERWRITE = "overwrite", "Overwritten with ours"
        GONE = "gone", "Autotask agrees again"
        SUPERSEDED = "superseded", "Changed once more"

    mapping = models.ForeignKey(ServiceMapping, on_delete=models.PROTECT, related_name="drifts")
    month = models.DateField()
    expected_units = models.IntegerField()
    observed_units = models.IntegerField()
    theirs_units = models.IntegerField()
    desired_units = models.IntegerField()
    expected_unit_cost = models.DecimalField(max_digits=12, decimal_places=4, null=True)
    observed_cost_total = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    found_at = models.DateTimeField()
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
