"""Providers: each has its own schema."""

import uuid
from datetime import date, datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import ordinal
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django_tenants.models import DomainMixin, TenantMixin

from accounts.releases import this_release
from accounts.stages import ALLOWED, Stage, Use, stage_at
from accounts.validation import currency_code, time_zone_name
from core.months import Month
from core.text import plain_text

# Days.
SHORTEST_ERASE_AFTER, LONGEST_ERASE_AFTER = 30, 3_650
# The 1st, or as the customer's FAQ says between the 3rd and the 8th.
FIRST_OF_MONTH, ISSUE_DAYS = 1, (1, 3, 4, 5, 6, 7, 8)
# The columns of a provider that transactions of its schema change (docs/decisions/0046).
SERVER_COLUMNS = (
    "stripe_customer_id",
    "outstanding_from",
    "leaves_at",
    "closes_at",
    "erase_after_days",
)


def server_of_new_providers() -> int:
    """The database server on which new providers are made."""
    server: int = settings.NEW_PROVIDERS_SERVER
    return server


class Provider(TenantMixin):  # type: ignore[misc]
    """A managed service provider (MSP), which django-tenants calls a tenant, with its own schema.

    Months begin and end in `billing_time_zone`, which never changes (`billing_zone()`). A webhook
    finds its provider by `stripe_customer_id`. `server` is the database server with its schema;
    `SERVER_COLUMNS` are changed there, all others in the directory. A provider that leaves is
    read-only from `leaves_at` and closed from `closes_at` on. Removed users are erased
    `erase_after_days` after their removal, None for the setting `ERASE_AFTER_DAYS`.
    """

    class State(models.TextChoices):
        """The state of the schema."""

        PROVISIONING = "provisioning", "Being set up"
        ACTIVE = "active", "Active"
        FAILED = "failed", "Set-up failed"
        RESTORING = "restoring", "Being restored from a backup"
        MOVING = "moving", "Being moved to another database server"

    class DisplayLocale(models.TextChoices):
        """How its pages, mails and documents show dates, times, numbers and money."""

        DAY_FIRST = "en", "English, day first (5 Sep 2026, 14:03)"
        US = "en_US", "United States (Sep 5, 2026, 2:03 PM)"
        CANADA = "en_CA", "Canada"
        UNITED_KINGDOM = "en_GB", "United Kingdom"
        IRELAND = "en_IE", "Ireland"
        AUSTRALIA = "en_AU", "Australia"
        NEW_ZEALAND = "en_NZ", "New Zealand"
        SOUTH_AFRICA = "en_ZA", "South Africa"
        INDIA = "en_IN", "India"

    STEPS = ("expand_steps", "contract_steps")

    objects: ClassVar[models.Manager["Provider"]] = models.Manager()
    auto_create_schema = False
    auto_drop_schema = False

    name = models.CharField(max_length=200, validators=[plain_text])
    provider_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    state = models.CharField(max_length=20, choices=State, default=State.PROVISIONING)
    state_detail = models.TextField(blank=True)
    server = models.PositiveSmallIntegerField(
        default=server_of_new_providers, db_default=1, editable=False
    )
    billing_time_zone = models.CharField(max_length=64, default="UTC", validators=[time_zone_name])
    currency = models.CharField(max_length=3, default="USD", validators=[currency_code])
    locale = models.CharField(
        max_length=5,
        choices=DisplayLocale,
        default=DisplayLocale.DAY_FIRST,
        db_default=DisplayLocale.DAY_FIRST,
    )
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
    account_manager_name = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        validators=[plain_text],
        help_text="Whom its pages name for questions about the contract; empty: support.",
    )
    account_manager_email = models.EmailField(blank=True, default="", db_default="")
    issue_day = models.PositiveSmallIntegerField(
        default=FIRST_OF_MONTH,
        db_default=FIRST_OF_MONTH,
        choices=[(day, ordinal(day)) for day in ISSUE_DAYS],
        help_text="The agreed day on which a month is closed, invoiced and charged.",
    )
    closes_automatically = models.BooleanField(
        default=True,
        help_text="Off: the schedule leaves this provider's months for operations to close.",
    )
    stripe_customer_id = models.CharField(max_length=255, unique=True, null=True, blank=True)
    outstanding_from = models.DateTimeField(
        null=True,
        editable=False,
        help_text="Before this instant no unpaid invoice counts, so pages do not query invoices.",
    )
    leaves_at = models.DateTimeField(null=True, blank=True, editable=False)
    closes_at = models.DateTimeField(null=True, blank=True, editable=False)
    erase_after_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        editable=False,
        validators=[
            MinValueValidator(SHORTEST_ERASE_AFTER),
            MaxValueValidator(LONGEST_ERASE_AFTER),
        ],
    )
    # From when on its people need a second factor, and the days that each has for setting one up.
    factor_required_at = models.DateTimeField(null=True, editable=False)
    factor_grace_days = models.PositiveSmallIntegerField(default=14, db_default=14, editable=False)
    # The steps of migrations that its schema has (`accounts.releases`).
    expand_steps = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    contract_steps = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name

    def stage(self, now: datetime) -> Stage:
        """The stage of its account (`accounts.stages`)."""
        return stage_at(now, leaves_at=self.leaves_at, closes_at=self.closes_at)

    def allows(self, use: Use, now: datetime) -> bool:
        """Whether its account may be used so at this instant."""
        return use in ALLOWED[self.stage(now)]

    def billing_zone(self) -> ZoneInfo:
        """The time zone of its months, days and deadlines. Python code reads it only here.

        The counting triggers read the one copy, the `tenants.MeteringPolicy` row in its schema.
        """
        return ZoneInfo(self.billing_time_zone)

    def issue_date(self, month: Month) -> date:
        """The agreed day on which the month is closed, and its invoices are issued and charged."""
        return month.next.first_day.replace(day=self.issue_day)

    @property
    def account_manager(self) -> tuple[str, str]:
        """Name and address of the person to ask about the contract; empty where none is named."""
        return self.account_manager_name, self.account_manager_email

    def clean(self) -> None:
        """An account manager has both a name and an address."""
        super().clean()
        if bool(self.account_manager_name) != bool(self.account_manager_email):
            raise ValidationError(
                {"account_manager_email": "Give the account manager a name and an address."}
            )

    @property
    def erased_after(self) -> int:
        """The days from the removal of a user to its erasure."""
        days: int = self.erase_after_days or settings.ERASE_AFTER_DAYS
        return days

    @property
    def is_moving(self) -> bool:
        """Whether its schema is on its way to another server; it opens again within seconds."""
        return self.state == self.State.MOVING

    @property
    def is_set_up(self) -> bool:
        """Whether it has its schema, which can be entered now or within seconds."""
        return self.state in SET_UP

    @property
    def is_active(self) -> bool:
        """Whether its schema is set up and this release can serve it."""
        return self.state == self.State.ACTIVE and self.is_at_this_release

    def set_at_this_release(self) -> None:
        """Set, without saving `STEPS`, that its schema has exactly the steps of this release."""
        release = this_release()
        self.expand_steps, self.contract_steps = release.expand, release.contract

    @property
    def is_at_this_release(self) -> bool:
        """Whether its schema has all that this release needs, and lost nothing that it uses."""
        release = this_release()
        return self.expand_steps >= release.expand and self.contract_steps <= release.contract


# Entering one that is being moved raises `core.schema.ProviderMoves`.
SET_UP = (Provider.State.ACTIVE, Provider.State.MOVING)


class Domain(DomainMixin):  # type: ignore[misc]
    """Required by django-tenants; no host name chooses a provider."""
