"""Customers at Stripe that a provider had and that were deleted there."""

from django.db import models


class FormerStripeCustomer(models.Model):
    """A provider's customer that was deleted at Stripe; another one has its next card.

    Its payments stay, and so do their refunds and disputes: their events find the provider by it.
    """

    provider = models.ForeignKey(
        "accounts.Provider", on_delete=models.CASCADE, related_name="former_customers"
    )
    stripe_customer_id = models.CharField(max_length=255, unique=True)
    forgotten_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.stripe_customer_id
