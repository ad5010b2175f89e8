"""A Redis cache that acts as an empty cache while Redis is unreachable, instead of raising.

PostgreSQL holds the truth and everything cached can be read again, so pages and sessions keep
working. New sign-ins are refused meanwhile: allauth's rate limits need a lock in the cache, and
attempts that it cannot count must not pass.
"""

import logging
from collections.abc import Callable
from functools import cache
from time import monotonic
from typing import Any, cast

from django.core.cache import caches
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import TimeoutError as NoAnswer

logger = logging.getLogger(__name__)

# After a failure no command is sent for so long: each attempt could cost a page its timeout.
AWAY_SECONDS = 5
# A session's end that could not be written to the cache takes effect after so long.
SESSION_SECONDS = 60


def _forgiving(command: Callable[..., Any], *, when_away: Callable[[], Any]) -> Callable[..., Any]:
    """The client's command, or the result of `when_away` while Redis is unreachable."""

    def attempt(client: "ForgivingClient", *args: Any) -> Any:
        if monotonic() < ForgivingClient._away_until:  # noqa: SLF001 - the class below
            return when_away()
        try:
            return command(client, *args)
        except (NoConnection, NoAnswer):
            ForgivingClient._away_until = monotonic() + AWAY_SECONDS  # noqa: SLF001
            logger.warning("The cache does not answer: nothing is remembered.", exc_info=True)
            return when_away()

    return attempt


def _no_counter() -> int:
    raise ValueError("The cache does not answer.")


class ForgivingClient(RedisCacheClient):
    """Redis commands that answer as an empty cache does while Redis is unreachable."""

    _away_until = 0.0

    _client: Any

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Django makes a client for each command, which costs as much as the command.
        self._client = cache(self._client)

    get_many = _forgiving(RedisCacheClient.get_many, when_away=dict)
    has_key = _forgiving(RedisCacheClient.has_key, when_away=bool)
    add = _forgiving(RedisCacheClient.add, when_away=bool)
    set = _forgiving(RedisCacheClient.set, when_away=lambda: None)
    set_many = _forgiving(RedisCacheClient.set_many, when_away=lambda: None)
    touch = _forgiving(RedisCacheClient.touch, when_away=bool)
    # False while unreachable: the key may still exist afterwards.
    delete = _forgiving(RedisCacheClient.delete, when_away=bool)
    delete_many = _forgiving(RedisCacheClient.delete_many, when_away=lambda: None)
    # `ValueError`, as for a missing key.
    incr = _forgiving(RedisCacheClient.incr, when_away=_no_counter)

    def _count(self, key: str, seconds: int) -> int:
        with self.get_client(key, write=True).pipeline(transaction=False) as commands:
            commands.incr(key)
            commands.expire(key, seconds)
            return int(commands.execute()[0])

    count = _forgiving(_count, when_away=_no_counter)

    def get(self, key: Any, default: Any) -> Any:
        """The value, or the default while Redis is unreachable."""
        return _forgiving(RedisCacheClient.get, when_away=lambda: default)(self, key, default)


class ForgivingCache(RedisCache):
    """Django's Redis cache with `ForgivingClient`."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = ForgivingClient

    def count(self, key: str, *, seconds: int) -> int:
        """Count once more under the key, which is forgotten so long after the last; one round trip.

        Raises `ValueError` while Redis is unreachable.
        """
        client = cast("ForgivingClient", self._cache)
        return int(client.count(self.make_and_validate_key(key), seconds))


class SessionCache(ForgivingCache):
    """Sessions, each for a minute only: the end of one may not reach an unreachable cache."""

    def get_backend_timeout(self, timeout: Any = DEFAULT_TIMEOUT) -> int | None:
        """The requested timeout in seconds, at most `SESSION_SECONDS`."""
        requested = super().get_backend_timeout(timeout)
        return SESSION_SECONDS if requested is None else min(int(requested), SESSION_SECONDS)


def counted(key: str, *, seconds: int) -> int:
    """`ForgivingCache.count` in the cache that all providers share."""
    return cast("ForgivingCache", caches["default"]).count(key, seconds=seconds)
