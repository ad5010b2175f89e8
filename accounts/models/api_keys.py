"""API keys."""

from datetime import datetime
from typing import ClassVar

from django.db import models

from accounts.credentials import DIGEST_LENGTH
from accounts.models.provider import Provider
from core.given import Given

KEY_START = "mtp_"
SHOWN_CHARACTERS = 12
LONGEST_CLIENT = 120
LONGEST_ADDRESS = 45


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """Queries for API keys."""

    def alive(self, now: datetime | Given) -> "ApiKeyQuerySet":
        """Keys that are accepted at `now`."""
        not_expired = models.Q(expires_at=None) | models.Q(expires_at__gt=now)
        return self.filter(not_expired, revoked_at=None)

    def current(self) -> "ApiKeyQuerySet":
        """Keys without an end; a provider has at most one."""
        return self.filter(revoked_at=None, expires_at=None)


class ApiKey(models.Model):
    """A key to the API for one provider's own systems.

    A provider has at most one key without an end. Generating the next one ends it, at once or after
    an overlap. `last_used_at` is exact to a minute.
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


class ApiKeyCaller(models.Model):
    """What used a key on one day (UTC): the name that a client gives itself, and its address.

    `requests` is the number on that day, exact to a minute before `last_used_at`.
    """

    key = models.ForeignKey(
        ApiKey, on_delete=models.CASCADE, related_name="callers", db_index=False
    )
    day = models.DateField()
    client = models.CharField(max_length=LONGEST_CLIENT, blank=True)
    address = models.CharField(max_length=LONGEST_ADDRESS, blank=True)
    requests = models.PositiveBigIntegerField()
    last_used_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["key", "day", "client", "address"], name="accounts_apikeycaller_once_a_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.client or 'unnamed'} from {self.address or 'an unknown address'}"
