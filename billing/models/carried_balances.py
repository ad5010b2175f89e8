"""Balances too small for a card, carried from one invoice to the next (docs/decisions/0032)."""

from typing import ClassVar

from django.db import models


class CarriedBalance(models.Model):
    """The rest of an invoice that the next invoice asks for; minor units of both invoices.

    It is billed and taxed on the invoice it comes from. While `to_invoice` is void, it is owed on
    `from_invoice` again.
    """

    from_invoice = models.ForeignKey(
        "billing.Invoice", on_delete=models.PROTECT, related_name="carried_to", db_index=False
    )
    to_invoice = models.ForeignKey(
        "billing.Invoice", on_delete=models.PROTECT, related_name="carried_from"
    )
    amount_minor = models.BigIntegerField()
    carried_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["from_invoice", "to_invoice"], name="billing_balance_carried_once"
            ),
            models.CheckConstraint(
                name="billing_carried_is_positive", condition=models.Q(amount_minor__gt=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} from {self.from_invoice_id} to {self.to_invoice_id}"
