"""What operations see of every provider at once, copied from its schema by the hourly round."""

from django.db import models

from accounts.models.provider import Provider


class ProviderFigures(models.Model):
    """Figures of a provider as they were at `as_of`; its schema has the truth.

    Amounts are minor units by currency. `contract_ends_on` is the end of the running contract that
    no other one follows.
    """

    provider = models.OneToOneField(
        Provider, on_delete=models.CASCADE, primary_key=True, related_name="figures"
    )
    as_of = models.DateTimeField()
    months_to_close = models.PositiveIntegerField(default=0)
    oldest_month = models.DateField(null=True)
    unpaid = models.JSONField(default=dict)
    unpaid_invoices = models.PositiveIntegerField(default=0)
    overdue = models.JSONField(default=dict)
    overdue_since = models.DateField(null=True)
    disputed = models.JSONField(default=dict)
    is_suspended = models.BooleanField(default=False)
    card_expires_on = models.DateField(null=True)
    contract_ends_on = models.DateField(null=True)

    def __str__(self) -> str:
        return f"{self.provider_id} at {self.as_of:%Y-%m-%d %H:%M}"
