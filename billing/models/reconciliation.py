"""Differences between Stripe's records and ours, for operations."""

from typing import ClassVar

from django.db import models


class PaymentDifference(models.Model):
    """A payment, refund or chargeback that is missing on one side or has another amount there.

    The daily reconciliation writes it, and sets `settled_at` when both sides agree again. Amounts
    are in minor units of `currency`; None if that side has no record.
    """

    class Kind(models.TextChoices):
        """The kind of difference."""

        NOT_BOOKED = "not_booked", "Paid at Stripe, not booked here"
        NOT_AT_STRIPE = "not_at_stripe", "Booked here, not paid at Stripe"
        AMOUNT = "amount", "Booked with another amount"
        REFUND = "refund", "Refunds of a payment differ"
        CHARGEBACK = "chargeback", "Chargebacks of a payment differ"

    kind = models.CharField(max_length=20, choices=Kind)
    stripe_payment_intent_id = models.CharField(max_length=255)
    invoice_number = models.CharField(max_length=30, blank=True)
    currency = models.CharField(max_length=3)
    stripe_minor = models.BigIntegerField(null=True)
    recorded_minor = models.BigIntegerField(null=True)
    found_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["stripe_payment_intent_id", "kind"],
                name="billing_paymentdifference_once",
                condition=models.Q(settled_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.stripe_payment_intent_id}"
