"""A request for a higher user cap, with its answer and what becomes of it."""

from typing import ClassVar

from django.db import models

from core.scope import visible_organizations
from tenants.models.organizations import LARGEST_USER_CAP, SMALLEST_USER_CAP, Organization


class CapRequestQuerySet(models.QuerySet["CapRequest"]):
    """Requests, asked in the domain's words."""

    def visible(self) -> "CapRequestQuerySet":
        """Those of living organizations that the person of this request may see."""
        requests = self.filter(organization__removed_at=None)
        ids = visible_organizations()
        return requests if ids is None else requests.filter(organization_id__in=ids)

    def open(self) -> "CapRequestQuerySet":
        """Those nobody has answered."""
        return self.filter(state=CapRequest.State.OPEN)

    def running_out(self) -> "CapRequestQuerySet":
        """Approved ones whose former cap is still to come back."""
        return self.filter(state=CapRequest.State.APPROVED, ended_at=None).exclude(ends_at=None)


class CapRequest(models.Model):
    """An organization asks for `requested_cap` users; its provider approves or declines, once,
    unless the organization withdraws it first.

    Approved until a day, `ends_at` is that day's end in the billing zone, and `ended_at` when the
    cap of before (`former_cap`) came back or was found to be overtaken by a newer one.
    """

    class State(models.TextChoices):
        """What became of it."""

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
