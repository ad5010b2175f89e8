"""What needs a person: alerts, what became of each, and who wants mail about them."""

from typing import ClassVar

from django.core.validators import MaxValueValidator
from django.db import models

from accounts.validation import time_zone_name
from core.scope import visible_organizations
from tenants.models.organizations import Organization

LONGEST_CAUSE = 200
LONGEST_TITLE = 200
LONGEST_LINK = 500
LAST_HOUR = 23


class Severity(models.IntegerChoices):
    """How much it hurts to wait; a higher number is worse."""

    INFO = 1, "Info"
    WARNING = 2, "Warning"
    CRITICAL = 3, "Critical"


class Kind(models.TextChoices):
    """What an alert is about (docs/facts/product.md, Alerts)."""

    CAPS = "caps", "User caps"
    LICENCES = "licenses", "Licenses"
    ALLOWANCE = "allowance", "Allowance"
    PAYMENT = "payment", "Payment"
    PSA = "psa", "PSA"
    LEDGER = "ledger", "Usage ledger"
    SERVICE = "service", "Service"


# Only for those who may see payment information.
MONEY_KINDS = (Kind.LICENCES, Kind.PAYMENT)


class AlertQuerySet(models.QuerySet["Alert"]):
    """Alerts, asked in the domain's words."""

    def open(self) -> "AlertQuerySet":
        """Those whose cause is still there."""
        return self.filter(resolved_at=None)

    def resolved(self) -> "AlertQuerySet":
        """Those whose cause is gone."""
        return self.exclude(resolved_at=None)

    def waiting(self) -> "AlertQuerySet":
        """Open ones that nobody has acknowledged."""
        return self.open().filter(acknowledged_at=None)

    def visible(self, *, sees_money: bool) -> "AlertQuerySet":
        """Those the person of this request may see: one limited to some organizations sees theirs
        only, and nothing that belongs to the provider as a whole.
        """
        ids = visible_organizations()
        alerts = self if ids is None else self.filter(organization_id__in=ids)
        return alerts if sees_money else alerts.exclude(kind__in=MONEY_KINDS)


class Alert(models.Model):
    """Something that needs a person, from when its cause appeared until it was gone.

    A cause has at most one open alert, whoever raises it and however often; when it comes back
    after it was gone, that is another alert. `watch` names who looks whether it is still there;
    empty for one that is resolved by whoever raised it. `link` is where it can be settled: a path
    of the portal, or the address that a provider's own system gave.
    """

    cause = models.CharField(max_length=LONGEST_CAUSE)
    watch = models.CharField(max_length=60, blank=True)
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
    """One step of an alert's history: appended, never changed."""

    class Step(models.TextChoices):
        """What happened."""

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
    """Whether and when an administrator gets mail about alerts; nobody does without having chosen.

    `digest_hour` is of the day in `time_zone`. `digested_on` is the last local day whose digest was
    settled (sent, or found empty), `digested_at` when.
    """

    class Delivery(models.TextChoices):
        """How alerts are mailed."""

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
