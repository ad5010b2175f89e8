"""An API key presented by a provider's system: whose it is, and that it was used."""

from datetime import datetime, timedelta

from accounts.credentials import digest
from accounts.models import ApiKey

# A busy key would otherwise write its row with every request.
NOTED_EVERY = timedelta(minutes=1)
LONGEST_SECRET = 200


def key_of(*, secret: str, now: datetime) -> ApiKey | None:
    """The living key with this secret, its provider loaded; None for any other text."""
    if not secret or len(secret) > LONGEST_SECRET:
        return None
    keys = ApiKey.objects.alive(now).select_related("provider")
    return keys.filter(digest=digest(secret)).first()


def note_use(*, key: ApiKey, address: str | None, now: datetime) -> None:
    """Keep when and from where the key was last used: at most once a minute and address."""
    if (
        key.last_used_at is not None
        and now - key.last_used_at < NOTED_EVERY
        and key.last_used_from == address
    ):
        return
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=now, last_used_from=address)
