"""The totals of invoices that their amounts are made of (`billing.models.invoice_amounts`)."""

from django.db import models


class InvoiceTotals(models.Model):
    """An invoice's sums in minor units of its currency, always read now: a view of the database.

    `credited_minor` is the sum of its credit notes, `paid_minor` payments less refunds that did not
    fail and lost chargebacks, `disputed_minor` its open disputes, `carried_minor` what was carried
    to a later invoice that is not void.
    """

    invoice = models.OneToOneField(
        "billing.Invoice", models.DO_NOTHING, primary_key=True, related_name="totals"
    )
    credited_minor = models.BigIntegerField()
    paid_minor = models.BigIntegerField()
    disputed_minor = models.BigIntegerField()
    carried_minor = models.BigIntegerField()

    class Meta:
        managed = False

    def __str__(self) -> str:
        return f"Totals of invoice {self.pk}"


TOTALS = ("credited_minor", "paid_minor", "disputed_minor", "carried_minor")
