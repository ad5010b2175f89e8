"""Draft caps of an administrator, stored until they are applied or discarded."""

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from core.scope import within
from tenants.models import LARGEST_USER_CAP, SMALLEST_USER_CAP, Organization


class DraftCapQuerySet(models.QuerySet["DraftCap"]):
    """Queries for draft caps."""

    def of(self, *, user_id: int) -> "DraftCapQuerySet":
        """One administrator's draft, limited to current organizations that they may see."""
        return self.filter(
            within("organization_id"), user_id=user_id, organization__removed_at=None
        )


class DraftCap(models.Model):
    """An organization's cap in an administrator's draft; None lifts the cap.

    `cap_when_drafted` is the cap at that time: applying the draft fails when it has changed since.
    """

    user_id = models.BigIntegerField()
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, db_index=False)
    cap = models.PositiveIntegerField(
        null=True,
        validators=[MinValueValidator(SMALLEST_USER_CAP), MaxValueValidator(LARGEST_USER_CAP)],
    )
    cap_when_drafted = models.PositiveIntegerField(null=True)

    objects = DraftCapQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user_id", "organization"], name="usage_draftcap_one_each"
            ),
            models.CheckConstraint(
                name="usage_draftcap_in_range",
                condition=models.Q(cap=None)
                | models.Q(cap__range=(SMALLEST_USER_CAP, LARGEST_USER_CAP)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id}: {self.cap}"
