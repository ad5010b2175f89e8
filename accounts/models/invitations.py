"""Invitations."""

from datetime import datetime
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.credentials import DIGEST_LENGTH
from accounts.models.provider import Provider
from accounts.roles import Role
from core.text import plain_text


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Queries for invitations."""

    def open(self) -> "InvitationQuerySet":
        """Invitations that were neither accepted nor revoked; they may have expired."""
        return self.filter(accepted_at=None, revoked_at=None)


class Invitation(models.Model):
    """An invitation to create a login, once, until it expires.

    Role and limits are those of the new login. Sending it again replaces the link, and the old one
    stops working.
    """

    provider = models.ForeignKey(
        Provider, on_delete=models.CASCADE, related_name="invitations", db_index=False
    )
    email = models.EmailField()
    name = models.CharField(max_length=200, validators=[plain_text])
    role = models.CharField(max_length=30, choices=Role)
    organization_id = models.BigIntegerField(null=True)
    limited_to = ArrayField(models.BigIntegerField(), null=True)
    digest = models.CharField(max_length=DIGEST_LENGTH, unique=True)
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    invited_by_id = models.BigIntegerField(null=True)
    invited_by_name = models.CharField(max_length=200)
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["provider", "email"],
                name="accounts_invitation_one_open",
                condition=models.Q(accepted_at=None, revoked_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"invitation of {self.email}"

    def is_open(self, now: datetime) -> bool:
        """Whether its link still works at `now`."""
        return self.accepted_at is None and self.revoked_at is None and now < self.expires_at
