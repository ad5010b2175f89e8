"""Active users of a month, their number, and activity that was reported after the close."""

from typing import ClassVar

from django.db import models

from tenants.models import ManagedUser, Organization


class ReportedActivity(models.Model):
    """A user who was active in a month, the reporter and the way of the report.

    `month` is the first day of the billing month in the provider's billing zone. The foreign key to
    the user has no constraint: users are never deleted, and a trigger checks the organization.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    month = models.DateField()
    user = models.ForeignKey(
        ManagedUser,
        on_delete=models.PROTECT,
        db_index=False,
        db_constraint=False,
        related_name="+",
    )
    reported_at = models.DateTimeField()
    reported_by_name = models.CharField(max_length=200, blank=True, db_default="")
    via = models.CharField(max_length=20, blank=True, db_default="")

    class Meta:
        abstract = True


class ActiveUser(ReportedActivity):
    """One active user of an organization and month; the number of rows is what is billed.

    `first_seen_at` is the earliest instant reported before the month was closed. Triggers count the
    rows on every insert (usage/migrations/sql/0003_active_users.sql); rows are never deleted.
    """

    first_seen_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "month", "user"], name="usage_activeuser_once_a_month"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id} active in {self.month:%Y-%m}"


class ActiveMonth(models.Model):
    """The number of active users of an organization and month; the row that reporters lock.

    A projection of `ActiveUser` that only its triggers write. A month without a row has no active
    users. `latest_at` is at or after every `first_seen_at` of the month.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, db_index=False, related_name="active_months"
    )
    month = models.DateField()
    count = models.PositiveIntegerField()
    latest_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "month"], name="usage_activemonth_one_row"
            )
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.month:%Y-%m}: {self.count} active"


class LateActivity(ReportedActivity):
    """Activity of a user in a month that was closed when it was reported; not counted in it.

    The closed month keeps its number (docs/decisions/0006). Append-only.
    """

    seen_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "month", "user"], name="usage_lateactivity_once_a_month"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id} active in {self.month:%Y-%m}, reported late"
