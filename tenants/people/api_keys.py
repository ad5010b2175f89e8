"""Generating and revoking a provider's API key."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import models

from accounts.credentials import digest, new_secret
from accounts.models import ApiKey, Provider
from accounts.models.api_keys import KEY_START, SHOWN_CHARACTERS
from accounts.user_rules import lock_people
from core.actors import Actor
from core.servers import with_directory
from tenants import audit


class Overlap(models.TextChoices):
    """How long the old key works beside a new one."""

    NONE = "none", "Stops at once"
    HOUR = "hour", "Works for one more hour"
    DAY = "day", "Works for 24 more hours"
    WEEK = "week", "Works for 7 more days"

    @property
    def span(self) -> timedelta:
        """The duration."""
        return {
            Overlap.NONE: timedelta(0),
            Overlap.HOUR: timedelta(hours=1),
            Overlap.DAY: timedelta(hours=24),
            Overlap.WEEK: timedelta(days=7),
        }[self]


@dataclass(frozen=True, slots=True, repr=False)
class NewKey:
    """A key with its secret. Only the hash is stored, so it can't be shown again."""

    key: ApiKey
    secret: str


@with_directory()
def generate_key(*, provider: Provider, overlap: Overlap, actor: Actor, now: datetime) -> NewKey:
    """Generate the provider's new key; the old one stops at once or after the overlap.

    Only its hash is stored. Of two keys that are generated at once, the later one is current.
    """
    lock_people(provider_id=provider.pk)
    before = ApiKey.objects.current().filter(provider=provider).first()
    if before is not None:
        if overlap == Overlap.NONE:
            before.revoked_at = now
        else:
            before.expires_at = now + overlap.span
        before.save(update_fields=["revoked_at", "expires_at"])
    secret = new_secret(start=KEY_START)
    key = ApiKey.objects.create(
        provider=provider,
        prefix=secret[:SHOWN_CHARACTERS],
        digest=digest(secret),
        created_at=now,
        created_by_id=actor.id,
        created_by_name=actor.name,
    )
    audit.record(
        actor=actor,
        action="api_key.generated",
        subject=str(key),
        subject_id=key.pk,
        before={"key": str(before), "lives_until": _end_of(before)} if before else {},
        after={"key": str(key)},
        now=now,
    )
    return NewKey(key=key, secret=secret)


@with_directory()
def revoke_key(*, key: ApiKey, actor: Actor, now: datetime) -> None:
    """Revoke the key at once; a second revocation changes nothing."""
    if ApiKey.objects.alive(now).filter(pk=key.pk).update(revoked_at=now):
        audit.record(
            actor=actor, action="api_key.revoked", subject=str(key), subject_id=key.pk, now=now
        )


def _end_of(key: ApiKey) -> str:
    end = key.revoked_at or key.expires_at
    return end.isoformat() if end else ""
