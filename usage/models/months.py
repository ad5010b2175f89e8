"""Months and daily snapshots, projected from the ledger."""

from typing import ClassVar

from django.db import models

from core.metrics import COUNTED_CHOICES, Metric
from tenants.models import Organization
from usage.models.ledger import UsageEvent


class MonthlyUsage(models.Model):
    """An organization's month of one metric: count carried in, high-water mark, and its event.

    `month` is the first day of the billing month in the provider's billing zone. A month without
    events gets a row when it is closed; until then its count is the one carried in. `peak_at` and
    `peak_event` are those that first reached the high-water mark; None when it was carried in.
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


class FrozenMonth(models.Model):
    """A month (its first day) through which the ledger was frozen, and the last event until then.

    It tells which events a closed month included: those up to `last_event_id` of the first row at
    or after it. Later ones with an earlier real instant were reported late.
    """

    month = models.DateField(primary_key=True)
    last_event_id = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} through event {self.last_event_id}"


class CombinedMonth(models.Model):
    """A closed month of all organizations together, where a commitment was billed by it.

    `high_water_mark` is the most of all organizations at any one instant, by the events that the
    frozen month includes. `peak_at` and `peak_event` first reached it; None when the month began
    with it. A row never changes: what is reported later adjusts another invoice.
    """

    month = models.DateField()
    metric = models.CharField(max_length=10, choices=Metric)
    carried_in = models.PositiveIntegerField()
    high_water_mark = models.PositiveIntegerField()
    peak_at = models.DateTimeField(null=True)
    peak_event = models.ForeignKey(
        UsageEvent, on_delete=models.PROTECT, null=True, db_index=False, related_name="+"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["month", "metric"], name="usage_combined_month_one_row")
        ]

    def __str__(self) -> str:
        return f"all together {self.metric} {self.month:%Y-%m}: {self.high_water_mark}"


class DailySnapshot(models.Model):
    """An organization's counts at the end of a local day, and the month's high-water marks so far.

    Days are those of the billing zone. `active_users` were active from the month's start to the
    day's end, as far as reported when the snapshot was taken.
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
    """The snapshot of one day for this provider, taken once.

    `differences` is the number of errors that `verify_ledger` found after it.
    """

    day = models.DateField(unique=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    organizations = models.PositiveIntegerField(default=0)
    differences = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"snapshot of {self.day}"
