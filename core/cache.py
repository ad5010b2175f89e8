"""Redis as a cache that may be away: nothing is remembered then, and nothing fails.

PostgreSQL is the truth. Whatever is kept here can be asked for again, so a cache that does not
answer is one that is empty. Who is signed in stays so; new sign-ins are refused meanwhile, as their
attempts could not be counted (allauth's limits need a lock that nobody gives).
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import Any, TypeVar

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import TimeoutError as NoAnswer

logger = logging.getLogger(__name__)

# After a failure nobody asks for so long: each attempt could cost a page its timeout.
AWAY_SECONDS = 5
# A sign-out or a change of a session that could not be told here holds from then on.
SESSION_SECONDS = 60

Answer = TypeVar("Answer")


class ForgivingClient(RedisCacheClient):
    """Each command, or what an empty cache would answer."""

    _away_until = 0.0

    def _ask(self, command: Callable[[], Answer], otherwise: Answer) -> Answer:
        if monotonic() < ForgivingClient._away_until:
            return otherwise
        try:
            return command()
        except (NoConnection, NoAnswer):
            ForgivingClient._away_until = monotonic() + AWAY_SECONDS
            logger.warning("The cache does not answer: nothing is remembered.", exc_info=True)
            return otherwise

    def get(self, key: Any, default: Any) -> Any:
        """The default while away."""
        return self._ask(lambda: super(ForgivingClient, self).get(key, default), default)

    def get_many(self, keys: Iterable[Any]) -> dict[Any, Any]:
        """Nothing while away."""
        wanted = list(keys)
        return self._ask(lambda: super(ForgivingClient, self).get_many(wanted), {})

    def has_key(self, key: Any) -> bool:
        """False while away."""
        return self._ask(lambda: super(ForgivingClient, self).has_key(key), False)

    def add(self, key: Any, value: Any, timeout: Any) -> bool:
        """False while away."""
        return self._ask(lambda: super(ForgivingClient, self).add(key, value, timeout), False)

    def set(self, key: Any, value: Any, timeout: Any) -> None:
        """Not kept while away."""
        self._ask(lambda: super(ForgivingClient, self).set(key, value, timeout), None)

    def set_many(self, data: Mapping[Any, Any], timeout: Any) -> None:
        """Not kept while away."""
        self._ask(lambda: super(ForgivingClient, self).set_many(data, timeout), None)

    def touch(self, key: Any, timeout: Any) -> bool:
        """False while away."""
        return self._ask(lambda: super(ForgivingClient, self).touch(key, timeout), False)

    def delete(self, key: Any) -> bool:
        """False while away: it may still be there afterwards."""
        return self._ask(lambda: super(ForgivingClient, self).delete(key), False)

    def delete_many(self, keys: Iterable[Any]) -> None:
        """As `delete`."""
        doomed = list(keys)
        self._ask(lambda: super(ForgivingClient, self).delete_many(doomed), None)

    def incr(self, key: Any, delta: int) -> int:
        """Raises `ValueError` while away, as for a key that is not there."""
        answer = self._ask(lambda: super(ForgivingClient, self).incr(key, delta), None)
        if answer is None:
            raise ValueError("The cache does not answer.")
        return int(answer)


class ForgivingCache(RedisCache):
    """Redis, or an empty cache while it is away."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = ForgivingClient


class SessionCache(ForgivingCache):
    """Remembers sessions for a minute: while it is away it can't be told that one has ended."""

    def get_backend_timeout(self, timeout: Any = DEFAULT_TIMEOUT) -> int | None:
        """At most a minute, however long the session lasts."""
        asked = super().get_backend_timeout(timeout)
        return SESSION_SECONDS if asked is None else min(int(asked), SESSION_SECONDS)
