"""Receipts: the documents of payments."""

from django.db import models

from billing.models.payments import Payment


class PaymentReceipt(models.Model):
    """The receipt of a payment as PDF, with its SHA-256 (hex): rendered once, never deleted.

    The invoice's amounts, in minor units, are those of when it was rendered: with them, rendering
    gives the same bytes again. What others paid can be negative, if more was refunded.
    """

    payment = models.OneToOneField(Payment, on_delete=models.PROTECT, related_name="receipt")
    is_paid_in_full = models.BooleanField()
    deducted_minor = models.BigIntegerField()
    paid_by_others_minor = models.BigIntegerField()
    owed_minor = models.BigIntegerField()
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64)
    rendered_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Receipt of payment {self.payment_id}"
