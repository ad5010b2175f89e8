"""Month closes."""

from django.db import models


class MonthClose(models.Model):
    """The close of a month of this provider; a close that was interrupted resumes its row.

    `issued_at` is set in the transaction that freezes the month, rates it and issues its invoices;
    documents, mails and charges follow from the outbox. `last_event_id` is the last
    `usage.UsageEvent` of that moment: later events of the month are late usage.
    `last_late_activity_id` is the last `usage.LateActivity` that it could adjust.
    """

    month = models.DateField(unique=True)
    started_at = models.DateTimeField()
    issued_at = models.DateTimeField(null=True)
    invoices = models.PositiveIntegerField(default=0)
    total_minor = models.BigIntegerField(default=0)
    outcome = models.CharField(max_length=200, blank=True)
    last_event_id = models.BigIntegerField(null=True)
    last_late_activity_id = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"close of {self.month:%Y-%m}"
