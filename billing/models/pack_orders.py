"""Orders of packs of monthly active users."""

from datetime import date
from typing import ClassVar

from django.db import models

from billing.models.invoices import Invoice
from core.months import Month


class PackOrder(models.Model):
    """An ordered pack: it raises the allowance by `quantity` from `starts_on` to `ends_on`.

    Both are first days of billing months; `ends_on` is of the first month that is not covered. In
    the month of the order the pack counts from `ordered_at`. Name, quantity and term are copied
    from the offer. An order whose invoice is void raises nothing. `follows` is the id of the last
    order when this one was confirmed, 0 for none; it is unique, so a repeated confirmation orders
    once.
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

    @property
    def last_month(self) -> date:
        """The first day of the last billing month that it covers."""
        return Month.of_day(self.ends_on).previous.first_day
