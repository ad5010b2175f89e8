"""The connection to a provider's Autotask, with its settings."""

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from integrations.choices import DatePolicy

LONGEST_DUE_DAYS = 365


class AutotaskConnectionQuerySet(models.QuerySet["AutotaskConnection"]):
    """The provider's connection."""

    def current(self) -> "AutotaskConnection | None":
        """The connection, also after disconnecting; None before the first one."""
        return self.filter(pk=1).first()


class AutotaskConnection(models.Model):
    """The one connection of a provider to its Autotask (id 1).

    `credentials` are the three secrets, encrypted (`core.encryption`); empty after
    disconnecting, while mappings and history stay. `costs_readable` None is not known.
    `problem` is an error that stops every run until a person corrects it.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    credentials = models.TextField(blank=True)
    zone_url = models.URLField(max_length=300, blank=True)
    zone_name = models.CharField(max_length=100, blank=True)
    web_url = models.URLField(max_length=300, blank=True)
    connected_at = models.DateTimeField(null=True, blank=True)
    connected_by_name = models.CharField(max_length=200, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_by_name = models.CharField(max_length=200, blank=True)
    costs_readable = models.BooleanField(null=True, blank=True)
    problem = models.TextField(blank=True)
    company_types = models.JSONField(default=list, blank=True)
    date_policy = models.CharField(
        max_length=20, choices=DatePolicy, default=DatePolicy.WHOLE_MONTHS
    )

    creates_tickets = models.BooleanField(default=False)
    ticket_queue_id = models.BigIntegerField(null=True, blank=True)
    ticket_resource_id = models.BigIntegerField(null=True, blank=True)
    ticket_role_id = models.BigIntegerField(null=True, blank=True)
    ticket_status = models.IntegerField(null=True, blank=True)
    ticket_resolved_status = models.IntegerField(null=True, blank=True)
    ticket_priority = models.IntegerField(null=True, blank=True)
    ticket_source = models.IntegerField(null=True, blank=True)
    ticket_due_days = models.PositiveIntegerField(
        default=1, validators=[MinValueValidator(0), MaxValueValidator(LONGEST_DUE_DAYS)]
    )

    objects = AutotaskConnectionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="integrations_autotask_one_row", condition=models.Q(id=1))
        ]

    def __str__(self) -> str:
        return f"Autotask, {self.zone_name or 'not connected'}"

    @property
    def is_connected(self) -> bool:
        """Whether it has credentials."""
        return bool(self.credentials)

    @property
    def is_syncing(self) -> bool:
        """Whether nightly runs take place."""
        return self.is_connected and self.paused_at is None
