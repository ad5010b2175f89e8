"""Tickets in the PSA, one for each alert."""

from django.db import models


class AlertTicket(models.Model):
    """The one ticket of an alert.

    `external_id` finds the ticket in Autotask, also after a call with an unknown outcome.
    `ticket_id` is None until the ticket was seen there. `resolved_at` is when the resolution was
    written to the ticket.
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
