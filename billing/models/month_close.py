"""The close of a month as it ran."""

from django.db import models


class MonthClose(models.Model):
    """One month's close of this provider: started once, resumed where it stopped.

    `issued_at` is set in the one transaction that freezes the month, rates it and issues its
    invoices; documents, mail and charges follow from the outbox. `last_event_id` is the last
    `usage.UsageEvent` there was then: what was told later could not be billed.
    """

    month = models.DateField(unique=True)
    started_at = models.DateTimeField()
    issued_at = models.DateTimeField(null=True)
    invoices = models.PositiveIntegerField(default=0)
    total_minor = models.BigIntegerField(default=0)
    outcome = models.CharField(max_length=200, blank=True)
    last_event_id = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"close of {self.month:%Y-%m}"
