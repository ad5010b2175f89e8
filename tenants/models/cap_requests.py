"""Requests for a higher user cap and their decisions."""

from typing import ClassVar

from django.db import models

from core.scope import within
from tenants.models.organizations import LARGEST_USER_CAP, SMALLEST_USER_CAP, Organization


class CapRequestQuerySet(models.QuerySet["CapRequest"]):
    """Queries for cap requests."""

    def visible(self) -> "CapRequestQuerySet":
        """Requests of living organizations that the signed-in person may see."""
        return self.filter(within("organization_id"), organization__removed_at=None)

    def open(self) -> "CapRequestQuerySet":
        """Requests that are neither decided nor withdrawn."""
        return self.filter(state=CapRequest.State.OPEN)

    def temporary(self) -> "CapRequestQuerySet":
        """Approved requests whose former cap is still to be restored."""
        return self.filter(state=CapRequest.State.APPROVED, ended_at=None).exclude(ends_at=None)


class CapRequest(models.Model):
    """A request for `requested_cap` users, approved, declined or withdrawn once.

    `ends_at` is the end of a temporary approval's last day in the billing zone. `ended_at` is when
    `former_cap` was restored, or when a newer cap made that unnecessary.
    """

    class State(models.TextChoices):
        """Open, or how it ended."""

        OPEN = "open", "Open"
        APPROVED = "approved", "Approved"
        DECLINED = "declined", "Declined"
        WITHDRAWN = "withdrawn", "Withdrawn"

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="cap_requests"
    )
    state = models.CharField(max_length=20, choices=State, default=State.OPEN)
    cap_when_requested = models.PositiveIntegerField()
    requested_cap = models.PositiveIntegerField()
    reason = models.TextField()
    requested_at = models.DateTimeField()
    requested_by_id = models.BigIntegerField()
    requested_by_name = models.CharField(max_length=200)
    answer = models.TextField(blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_by_id = models.BigIntegerField(null=True)
    decided_by_name = models.CharField(max_length=200, blank=True)
    former_cap = models.PositiveIntegerField(null=True)
    last_day = models.DateField(null=True)
    ends_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = CapRequestQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization"],
                name="tenants_caprequest_one_open",
                condition=models.Q(state="open"),
            ),
            models.CheckConstraint(
                name="tenants_caprequest_in_range",
                condition=models.Q(requested_cap__range=(SMALLEST_USER_CAP, LARGEST_USER_CAP)),
            ),
            models.CheckConstraint(
                name="tenants_caprequest_decided_iff_not_open",
                condition=models.Q(state="open", decided_at=None)
                | (~models.Q(state="open") & models.Q(decided_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id}: {self.cap_when_requested} to {self.requested_cap}"
