"""The dunning steps of a provider, and the deferrals of its suspension."""

from typing import ClassVar

from django.db import models

from core.text import plain_text


class DunningStep(models.Model):
    """A step that the provider reached: recorded and mailed once until it ends.

    `since` is when the step began, `at` when it was recorded (later if days were missed),
    `ended_at` when it ended. Access does not depend on these rows: it is derived from the invoices.
    """

    class Step(models.TextChoices):
        """The stages that are recorded, named as in `billing.dunning.stages.DunningStage`."""

        OUTSTANDING = "outstanding", "Outstanding"
        THIRTY_DAYS = "thirty_days", "Outstanding for 30 days"
        SUSPENDED = "suspended", "Suspended"

    step = models.CharField(max_length=20, choices=Step)
    # No foreign-key constraint: checking it would lock the invoice row, which the charging
    # transaction already holds while it waits for the provider row (deadlock).
    invoice = models.ForeignKey(
        "billing.Invoice",
        on_delete=models.PROTECT,
        related_name="dunning_steps",
        db_constraint=False,
        db_index=False,
    )
    since = models.DateTimeField()
    at = models.DateTimeField()
    mailed_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["step"],
                name="billing_dunningstep_once",
                condition=models.Q(ended_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_step_display()} since {self.since:%Y-%m-%d}"


class SuspensionDeferral(models.Model):
    """Operations' decision not to suspend through `last_day` in the billing time zone."""

    reason = models.CharField(max_length=500, validators=[plain_text])
    last_day = models.DateField(help_text="The last day with access, in the billing time zone.")
    made_by_id = models.BigIntegerField(null=True)
    made_by_name = models.CharField(max_length=200)
    made_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"No suspension through {self.last_day}"
