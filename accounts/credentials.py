"""What lets somebody in besides a password: API keys and invitations (public schema).

Both are long random texts that are shown or mailed once; only their hashes are kept. At 256 random
bits a plain SHA-256 can't be guessed back.
"""

import hashlib
import secrets
from datetime import datetime
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import Provider
from accounts.roles import Role
from accounts.text import plain_text

KEY_START = "mtp_"
SHOWN_CHARACTERS = 12
DIGEST_LENGTH = 64


def new_secret(*, start: str = "") -> str:
    """A random text of 256 bits, safe in a URL and a header."""
    return start + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is kept of a secret: its SHA-256 in hexadecimal digits."""
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """API keys, asked in the domain's words."""

    def alive(self, now: datetime) -> "ApiKeyQuerySet":
        """Those that open the API at `now`."""
        not_expired = models.Q(expires_at=None) | models.Q(expires_at__gt=now)
        return self.filter(not_expired, revoked_at=None)

    def current(self) -> "ApiKeyQuerySet":
        """The one of a provider that nothing ends yet."""
        return self.filter(revoked_at=None, expires_at=None)


class ApiKey(models.Model):
    """Opens the API for one provider's own systems.

    A provider has at most one key without an end; generating the next gives the last its end, at
    once or after an overlap. `last_used_at` is exact to a minute.
    """

    provider = models.ForeignKey(
        Provider, on_delete=models.CASCADE, related_name="api_keys", db_index=False
    )
    prefix = models.CharField(max_length=SHOWN_CHARACTERS)
    digest = models.CharField(max_length=DIGEST_LENGTH, unique=True)
    created_at = models.DateTimeField()
    created_by_id = models.BigIntegerField(null=True)
    created_by_name = models.CharField(max_length=200)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    last_used_from = models.GenericIPAddressField(null=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["provider", "-created_at"], name="accounts_apikey_provider")
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["provider"],
                name="accounts_apikey_one_current",
                condition=models.Q(revoked_at=None, expires_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.prefix}…"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Invitations, asked in the domain's words."""

    def open(self) -> "InvitationQuerySet":
        """Those that were neither accepted nor revoked; they may have expired."""
        return self.filter(accepted_at=None, revoked_at=None)


class Invitation(models.Model):
    """Lets one person make a login, once, until it expires.

    The role and the limits are those of the login to be. Sending it again replaces the link: the
    old one stops working.
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
