"""Orders of a person to charge open invoices to the card on file."""

from typing import ClassVar

from django.db import models


class ChargeOrder(models.Model):
    """A billing admin's order to pay all open invoices now; never changed.

    `invoices_to_charge` are the ids that the person saw and confirmed, oldest first. `seen` is the
    token of what the page showed (`billing.seen`): a form that is sent twice makes one order.
    """

    card = models.ForeignKey(
        "billing.PaymentMethod", on_delete=models.PROTECT, related_name="charge_orders"
    )
    invoices_to_charge = models.JSONField(default=list)
    seen = models.CharField(max_length=40, unique=True)
    ordered_at = models.DateTimeField()
    ordered_by_id = models.BigIntegerField(null=True)
    ordered_by_name = models.CharField(max_length=200)

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"order {self.pk} of {self.ordered_by_name}"
