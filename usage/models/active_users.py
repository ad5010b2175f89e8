"""Who was active in a month, how many that makes, and what was told too late to count."""

from typing import ClassVar

from django.db import models

from tenants.models import ManagedUser, Organization


class ReportedActivity(models.Model):
    """A user seen in a month of an organization, and who told it in which way.

    `month` is the first day of the billing month in the provider's billing zone. The user's row is
    never deleted, and the trigger looked that it is of this organization.
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
    """One active user of a month, counted once: the rows of a month are its number.

    `first_seen_at` is the earliest instant that was told before the month was closed. Counted by
    triggers (usage/migrations/sql/0003_active_users.sql) on every way in; never deleted.
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
    """How many users of an organization were active in a month: the row that reporters lock.

    A projection of `ActiveUser`, written by its triggers only; a month without a row had nobody.
    No first instant of the month lies after `latest_at`.
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
    """A user told to have been active in a month that was closed by then, and not counted in it.

    The closed month keeps its number (docs/decisions/0006); this is only appended.
    """

    seen_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "month", "user"], name="usage_lateactivity_once_a_month"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id} told late of {self.month:%Y-%m}"
