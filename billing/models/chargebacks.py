"""Chargebacks: payments that the card holder disputes at the bank."""

from typing import ClassVar

from django.db import models

from billing.models.payments import Payment


class Chargeback(models.Model):
    """A dispute of a payment at Stripe; rows copy Stripe's state and are never edited by hand.

    While it is open the payment still counts. If it is lost, its amount is owed again from
    `closed_at` on and is never charged automatically; if it is won, nothing changes. Amounts are in
    minor units of `currency`.
    """

    class State(models.TextChoices):
        """The decision of the bank."""

        OPEN = "open", "Contested"
        WON = "won", "Payment stays"
        LOST = "lost", "Taken back"

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="chargebacks")
    stripe_dispute_id = models.CharField(max_length=255, unique=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=60, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    evidence_due_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="billing_chargeback_is_positive", condition=models.Q(amount_minor__gt=0)
            ),
            models.CheckConstraint(
                name="billing_chargeback_closed_iff_decided",
                condition=models.Q(state="open", closed_at=None)
                | models.Q(state__in=["won", "lost"], closed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stripe_dispute_id}: {self.get_state_display()}"
