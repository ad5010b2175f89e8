"""Packs of monthly active users as ordered."""

from typing import ClassVar

from django.db import models

from billing.models.invoices import Invoice


class PackOrder(models.Model):
    """A pack that was ordered: it raises the allowance by `quantity` from `starts_on` to `ends_on`.

    Both are first days of billing months, the second of the first one not covered; of the month of
    the order it holds from `ordered_at`. Name, quantity and term are the offer's at that instant.
    One whose invoice was voided raises nothing. `follows` is the id of the order that was the last
    when this one was confirmed, 0 for none: confirmed twice, it is ordered once.
    """

    invoice = models.OneToOneField(Invoice, on_delete=models.PROTECT, related_name="pack_order")
    follows = models.BigIntegerField(unique=True)
    offer_id = models.BigIntegerField()
    offer_name = models.CharField(max_length=100)
    quantity = models.PositiveIntegerField()
    months = models.PositiveSmallIntegerField()
    starts_on = models.DateField()
    ends_on = models.DateField()
    ordered_at = models.DateTimeField()
    ordered_by_id = models.BigIntegerField(null=True)
    ordered_by_name = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="billing_packorder_is_of_whole_months",
                condition=models.Q(starts_on__day=1)
                & models.Q(ends_on__day=1)
                & models.Q(ends_on__gt=models.F("starts_on")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.offer_name} from {self.starts_on}"
