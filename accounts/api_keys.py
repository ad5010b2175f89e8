"""API keys of incoming requests: look one up, and record its use."""

from datetime import datetime, timedelta

from accounts.credentials import digest
from accounts.models import ApiKey

# Without this a busy key would write its row with every request.
RECORDED_EVERY = timedelta(minutes=1)
LONGEST_SECRET = 200


def find_key(*, secret: str, now: datetime) -> ApiKey | None:
    """The active key with this secret and its provider, in one statement; None if there is none."""
    if not secret or len(secret) > LONGEST_SECRET:
        return None
    keys = ApiKey.objects.alive(now).select_related("provider")
    return keys.filter(digest=digest(secret)).first()


def record_use(*, key: ApiKey, address: str | None, now: datetime) -> None:
    """Record time and address of the key's last use, at most once a minute per address."""
    if (
        key.last_used_at is not None
        and now - key.last_used_at < RECORDED_EVERY
        and key.last_used_from == address
    ):
        return
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=now, last_used_from=address)
