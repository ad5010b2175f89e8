"""API keys of incoming requests: look one up, and record its use."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import DateTimeField, QuerySet, TextField

from accounts.api_key_callers import record_caller
from accounts.credentials import digest
from accounts.models import ApiKey, Provider
from core.given import Given
from core.remembered import columns_of, instance_of, remembered

# Without this a busy key would write its row with every request.
RECORDED_EVERY = timedelta(minutes=1)
LONGEST_SECRET = 200
KEY_COLUMNS = columns_of(ApiKey)


@remembered
def _alive() -> QuerySet[ApiKey, Any]:
    """An active key and its provider, which every request of the API reads."""
    keys = ApiKey.objects.alive(Given("now", DateTimeField()))
    return keys.filter(digest=Given("digest", TextField())).values_list(
        *KEY_COLUMNS, *columns_of(Provider, "provider__")
    )


def find_key(*, secret: str, now: datetime) -> ApiKey | None:
    """The active key with this secret and its provider, in one statement; None if there is none."""
    if not secret or len(secret) > LONGEST_SECRET:
        return None
    for row in _alive().rows(now=now, digest=digest(secret)):
        key = instance_of(ApiKey, row[: len(KEY_COLUMNS)])
        key.provider = instance_of(Provider, row[len(KEY_COLUMNS) :])
        return key
    return None


def record_use(*, key: ApiKey, client: str, address: str | None, now: datetime) -> None:
    """Record what uses the key, where and when, at most once a minute for each caller.

    While the cache does not answer, only the key's last use is recorded, once a minute.
    """
    is_written = record_caller(key=key, client=client, address=address, now=now)
    is_recent = key.last_used_at is not None and now - key.last_used_at < RECORDED_EVERY
    if is_written or not is_recent:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now, last_used_from=address)
