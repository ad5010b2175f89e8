"""Bank transfers that a customer has announced."""

from typing import ClassVar

from django.db import models


class AnnouncedTransfer(models.Model):
    """A billing admin's announcement that an invoice is paid by bank transfer.

    While it is under way, no card is charged for the invoice, in any way. It ends when it is
    withdrawn, when nothing is due on the invoice any more, or at `lapses_at`, the first instant
    after the day (in the billing time zone) by which the money was expected. `amount_minor` is what
    was due when it was announced.
    """

    class State(models.TextChoices):
        """How it ended."""

        UNDER_WAY = "under_way", "Under way"
        WITHDRAWN = "withdrawn", "Withdrawn"
        SETTLED = "settled", "Nothing is due any more"
        MISSING = "missing", "Did not arrive"

    invoice = models.ForeignKey(
        "billing.Invoice", on_delete=models.PROTECT, related_name="announced_transfers"
    )
    state = models.CharField(max_length=20, choices=State, default=State.UNDER_WAY)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    expected_on = models.DateField()
    lapses_at = models.DateTimeField()
    announced_at = models.DateTimeField()
    announced_by_id = models.BigIntegerField(null=True)
    announced_by_name = models.CharField(max_length=200)
    ended_at = models.DateTimeField(null=True)
    ended_by_id = models.BigIntegerField(null=True)
    ended_by_name = models.CharField(max_length=200, blank=True, default="", db_default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["invoice"],
                name="billing_one_transfer_under_way",
                condition=models.Q(state="under_way"),
            ),
            models.CheckConstraint(
                name="billing_transfer_ended_iff_final",
                condition=models.Q(state="under_way", ended_at=None)
                | (~models.Q(state="under_way") & models.Q(ended_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"transfer for {self.invoice}: {self.get_state_display().lower()}"
