"""Alerts, their history, and each administrator's choice of mail about them."""

from typing import ClassVar

from django.core.validators import MaxValueValidator
from django.db import models

from accounts.validation import time_zone_name
from core.scope import within
from tenants.models.organizations import Organization

LONGEST_CAUSE = 200
LONGEST_TITLE = 200
LONGEST_LINK = 500
LAST_HOUR = 23


class Severity(models.IntegerChoices):
    """How urgent an alert is; a higher number is worse."""

    INFO = 1, "Info"
    WARNING = 2, "Warning"
    CRITICAL = 3, "Critical"


class Kind(models.TextChoices):
    """The subject of an alert (docs/facts/product.md, Alerts)."""

    CAPS = "caps", "User caps"
    LICENSES = "licenses", "Licenses"
    ALLOWANCE = "allowance", "Allowance"
    PAYMENT = "payment", "Payment"
    PSA = "psa", "PSA"
    LEDGER = "ledger", "Usage ledger"
    SERVICE = "service", "Service"


# Visible only with the permission to see payment information.
MONEY_KINDS = (Kind.LICENSES, Kind.PAYMENT)


class AlertQuerySet(models.QuerySet["Alert"]):
    """Queries for alerts."""

    def open(self) -> "AlertQuerySet":
        """Alerts that are not resolved."""
        return self.filter(resolved_at=None)

    def resolved(self) -> "AlertQuerySet":
        """Alerts whose cause is gone."""
        return self.exclude(resolved_at=None)

    def waiting(self) -> "AlertQuerySet":
        """Open alerts that are not acknowledged."""
        return self.open().filter(acknowledged_at=None)

    def visible(self, *, sees_money: bool) -> "AlertQuerySet":
        """Alerts that the administrator of this request may see.

        One who is limited to some organizations sees only theirs, and none of the provider as a
        whole.
        """
        alerts = self.filter(within("organization_id"))
        return alerts if sees_money else alerts.exclude(kind__in=MONEY_KINDS)


class Alert(models.Model):
    """A condition that needs an administrator, from its first evaluation until it is gone.

    A cause has at most one open alert; a cause that comes back opens another one. `rule` is the
    alert rule that finds the condition, empty for an alert that was raised directly and is resolved
    by its caller. `link` is a path of the portal where the condition can be ended, or the URL that
    a provider's own system sent.
    """

    cause = models.CharField(max_length=LONGEST_CAUSE)
    rule = models.CharField(max_length=60, blank=True)
    kind = models.CharField(max_length=20, choices=Kind)
    severity = models.PositiveSmallIntegerField(choices=Severity)
    title = models.CharField(max_length=LONGEST_TITLE)
    text = models.TextField(blank=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, null=True)
    link = models.CharField(max_length=LONGEST_LINK, blank=True)
    opened_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by_id = models.BigIntegerField(null=True)
    acknowledged_by_name = models.CharField(max_length=200, blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["cause"],
                name="tenants_alert_one_open",
                condition=models.Q(resolved_at=None),
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["-opened_at"], name="tenants_alert_opened")]

    def __str__(self) -> str:
        return self.title


class AlertEvent(models.Model):
    """One step of an alert's history; rows are appended and never changed."""

    class Step(models.TextChoices):
        """The kinds of steps."""

        OPENED = "opened", "Opened"
        CHANGED = "changed", "Changed"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        WITHDRAWN = "withdrawn", "Acknowledgement taken back"
        RESOLVED = "resolved", "Resolved"

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    step = models.CharField(max_length=20, choices=Step)
    severity = models.PositiveSmallIntegerField(choices=Severity)
    title = models.CharField(max_length=LONGEST_TITLE)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=200)

    def __str__(self) -> str:
        return f"{self.title}: {self.get_step_display()}"


class AlertMailPreference(models.Model):
    """An administrator's choice of mail about alerts; without a row, no mail is sent.

    `digest_hour` is an hour of the day in `time_zone`. `digested_on` is the last local day whose
    digest was sent or found empty, `digested_at` the instant.
    """

    class Delivery(models.TextChoices):
        """When alerts are mailed."""

        OFF = "off", "No mail"
        DIGEST = "digest", "Once a day"
        AT_ONCE = "at_once", "At once"

    user_id = models.BigIntegerField(unique=True)
    delivery = models.CharField(max_length=20, choices=Delivery, default=Delivery.OFF)
    minimum_severity = models.PositiveSmallIntegerField(choices=Severity, default=Severity.WARNING)
    digest_hour = models.PositiveSmallIntegerField(
        default=8, validators=[MaxValueValidator(LAST_HOUR)]
    )
    time_zone = models.CharField(max_length=64, validators=[time_zone_name])
    digested_on = models.DateField(null=True)
    digested_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="tenants_alertmailpreference_hour",
                condition=models.Q(digest_hour__lte=LAST_HOUR),
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.get_delivery_display()}"
