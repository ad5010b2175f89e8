"""Providers: tenants, each with a schema of its own, and what a new one is made from."""

import uuid
from typing import ClassVar
from zoneinfo import ZoneInfo

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django_tenants.models import DomainMixin, TenantMixin

from accounts.validation import currency_code, time_zone_name
from core.text import plain_text


class Provider(TenantMixin):  # type: ignore[misc]
    """A managed service provider: a tenant with a schema of its own.

    `billing_time_zone` decides where its months begin and end and never changes under a month that
    was metered (`billing_zone()`). `stripe_customer_id` is how a webhook finds its provider.
    """

    class State(models.TextChoices):
        """Whether the schema is there."""

        PROVISIONING = "provisioning", "Being set up"
        ACTIVE = "active", "Active"
        FAILED = "failed", "Set-up failed"

    objects: ClassVar[models.Manager["Provider"]] = models.Manager()
    auto_create_schema = False
    auto_drop_schema = False

    name = models.CharField(max_length=200, validators=[plain_text])
    provider_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    state = models.CharField(max_length=20, choices=State, default=State.PROVISIONING)
    state_detail = models.TextField(blank=True)
    billing_time_zone = models.CharField(max_length=64, default="UTC", validators=[time_zone_name])
    currency = models.CharField(max_length=3, default="USD", validators=[currency_code])
    invoice_prefix = models.CharField(
        max_length=8,
        unique=True,
        validators=[RegexValidator(r"^[A-Z0-9]{2,8}$", "Use 2 to 8 capital letters and digits.")],
        help_text="Begins every invoice number, and names the schema. Never changes.",
        error_messages={"unique": "Another provider has this prefix."},
    )
    contact_name = models.CharField(max_length=200, validators=[plain_text])
    contact_email = models.EmailField()
    organization_limit = models.PositiveIntegerField(
        default=100, validators=[MinValueValidator(1), MaxValueValidator(100_000)]
    )
    closes_automatically = models.BooleanField(
        default=True,
        help_text="Off: the schedule leaves this provider's months for operations to close.",
    )
    stripe_customer_id = models.CharField(max_length=255, unique=True, null=True, blank=True)
    outstanding_from = models.DateTimeField(
        null=True,
        editable=False,
        help_text="From when an unpaid invoice may count: before, no page asks the invoices.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name

    def billing_zone(self) -> ZoneInfo:
        """The time zone of its months, days and deadlines; the only way for Python to read it.

        The one copy is the `tenants.MeteringPolicy` row in its schema, for the counting triggers.
        """
        return ZoneInfo(self.billing_time_zone)

    @property
    def is_active(self) -> bool:
        """Whether its schema is there and may be entered."""
        return self.state == self.State.ACTIVE


class Domain(DomainMixin):  # type: ignore[misc]
    """Demanded by django-tenants; nothing is ever decided by a host name."""
