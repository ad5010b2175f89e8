"""Redis whose master is found by Sentinel, for the cache, the probes and Celery's broker.

With `REDIS_SENTINELS` the host of `REDIS_URL` is not an address but the name under which the
sentinels watch the master; user, password and database are those of Redis itself. Every connection
asks the sentinels where the master is now. The sentinels themselves have the password of
`REDIS_SENTINEL_PASSWORD`, or none.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import settings
from redis.connection import parse_url
from redis.sentinel import Sentinel, SentinelConnectionPool

DEFAULT_PORT = 26379


def addresses(sentinels: Sequence[str]) -> list[tuple[str, int]]:
    """Host and port of each `host:port` or `host`. Raises `ValueError` for a wrong port."""
    parts = [urlsplit(f"//{sentinel}") for sentinel in sentinels]
    return [(part.hostname or "", part.port or DEFAULT_PORT) for part in parts]


def master_name(url: str) -> str:
    """The name of the master in `REDIS_URL`."""
    # Not `hostname`, which is in small letters.
    return urlsplit(url).netloc.rpartition("@")[2].partition(":")[0]


def broker_url(url: str, *, sentinels: Sequence[str]) -> str:
    """The address of Celery's broker: every sentinel with what `REDIS_URL` says about Redis."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    return ";".join(
        f"sentinel://{user}{at}{host}:{port}{parts.path}" for host, port in addresses(sentinels)
    )


class MasterPool(SentinelConnectionPool):
    """Connections to the present master."""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> "MasterPool":
        """The pool for a `REDIS_URL`, with `sentinels` and their `sentinel_password`.

        The other options are those of a connection, as `socket_timeout`.
        """
        sentinels, password = options.pop("sentinels"), options.pop("sentinel_password")
        waits = {name: value for name, value in options.items() if name.startswith("socket_")}
        watchers = Sentinel(  # type: ignore[no-untyped-call] # redis-py has no types here
            addresses(sentinels), sentinel_kwargs={**waits, "password": password or None}
        )
        about = parse_url(url)  # type: ignore[no-untyped-call] # as above
        about = {name: value for name, value in about.items() if name not in ("host", "port")}
        return cls(master_name(url), watchers, **options, **about)


def client(*, timeout: float) -> "redis.Redis":
    """A client of the portal's Redis, a context manager. Timeout in seconds."""
    waits = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    if not settings.REDIS_SENTINELS:
        return redis.Redis.from_url(settings.REDIS_URL, **waits)
    pool = MasterPool.from_url(
        settings.REDIS_URL,
        sentinels=settings.REDIS_SENTINELS,
        sentinel_password=settings.REDIS_SENTINEL_PASSWORD,
        **waits,
    )
    return redis.Redis.from_pool(pool)
