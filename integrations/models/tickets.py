"""Tickets in the PSA that stand for alerts."""

from django.db import models


class AlertTicket(models.Model):
    """The one ticket of an alert; `external_id` finds it in Autotask, whatever became of the call.

    `ticket_id` None has not been created (or not been seen) yet. `resolved_at` is when the ticket
    was told that the alert is over.
    """

    alert_id = models.BigIntegerField(unique=True)
    external_id = models.CharField(max_length=50, unique=True)
    organization_id = models.BigIntegerField(null=True)
    company_id = models.BigIntegerField()
    ticket_id = models.BigIntegerField(null=True)
    ticket_number = models.CharField(max_length=50, blank=True)
    created_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    problem = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.ticket_number or self.external_id
