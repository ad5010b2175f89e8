"""What the counting triggers write (sql/metering.sql) and the projections from it."""

from typing import ClassVar

from django.db import models

from core.metrics import COUNTED_CHOICES
from tenants.models import Organization


class OrganizationCounter(models.Model):
    """How many of a metric an organization has now: the row that adders lock.

    A projection of the event log, written by triggers only.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, db_index=False)
    metric = models.CharField(max_length=10, choices=COUNTED_CHOICES)
    count = models.PositiveIntegerField(default=0, db_default=0)
    last_event_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "metric"], name="usage_counter_one_per_metric"
            )
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.metric}: {self.count}"


class UsageEvent(models.Model):
    """One user or device that came (+1) or went (-1). Append-only, and the truth.

    Order within an organization and metric is that of `id`; `at` never falls along it. `claimed_at`
    is when it really was, kept only where that lies in an earlier month than `at`: told late.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, db_index=False)
    metric = models.CharField(max_length=10, choices=COUNTED_CHOICES)
    at = models.DateTimeField()
    delta = models.SmallIntegerField()
    count_after = models.PositiveIntegerField()
    subject_id = models.BigIntegerField()
    subject_name = models.CharField(max_length=320)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=200, blank=True)
    via = models.CharField(max_length=20, blank=True)
    claimed_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organization", "metric", "at", "id"], name="usage_event_order"),
            models.Index(
                fields=["claimed_at"],
                name="usage_event_told_late",
                condition=models.Q(claimed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.metric} {self.delta:+d} at {self.at.isoformat()}"


class MonthlyUsage(models.Model):
    """An organization's month of one metric: level carried in, peak, and what made the peak.

    `month` is the first day of the billing month in the provider's billing zone. A month without
    events has a row only once it is closed: until then its level is the one carried in. The peak's
    instant and event are the first at which it was reached; None when it was carried in.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, db_index=False)
    metric = models.CharField(max_length=10, choices=COUNTED_CHOICES)
    month = models.DateField()
    carried_in = models.PositiveIntegerField()
    high_water_mark = models.PositiveIntegerField()
    peak_at = models.DateTimeField(null=True)
    peak_event = models.ForeignKey(
        UsageEvent, on_delete=models.PROTECT, null=True, db_index=False, related_name="+"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "metric", "month"], name="usage_month_one_row"
            )
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.metric} {self.month:%Y-%m}: {self.high_water_mark}"


class DailySnapshot(models.Model):
    """An organization's counts at the end of a day in the billing zone, and its month's peaks.

    `active_users` were active from the month's start to the day's end, as far as reported when the
    snapshot was taken.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, db_index=False)
    day = models.DateField()
    users = models.PositiveIntegerField()
    devices = models.PositiveIntegerField()
    users_high_water_mark = models.PositiveIntegerField()
    devices_high_water_mark = models.PositiveIntegerField()
    active_users = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "day"], name="usage_snapshot_one_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.day}"


class SnapshotRun(models.Model):
    """One day's snapshot of this provider, never done twice.

    `differences` is how many places the check of the books after it found wrong.
    """

    day = models.DateField(unique=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    organizations = models.PositiveIntegerField(default=0)
    differences = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"snapshot of {self.day}"
