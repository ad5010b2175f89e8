"""Who calls the API: a provider's system with its key, in that provider's schema, at a rate."""

import logging
import time
from typing import Any, cast

from allauth.core.internal.httpkit import get_client_ip
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import APIKeyHeader
from ninja.throttling import BaseThrottle
from redis import RedisError

from accounts.api_keys import key_of, note_use
from accounts.models import ApiKey, Provider
from core.actors import Actor
from core.problems import Problem
from core.schema import connection

logger = logging.getLogger(__name__)
MINUTE_SECONDS = 60


class ApiRequest(HttpRequest):
    """A request that came with a living key, in the schema of the key's provider."""

    auth: ApiKey
    provider: Provider


class ProviderKey(APIKeyHeader):
    """The key of `x-api-key` decides the provider; nothing else in a request does.

    Enters the provider's schema; the middleware leaves it after the request. A session's cookie
    counts for nothing here.
    """

    param_name = "x-api-key"

    def authenticate(self, request: HttpRequest, key: str | None) -> ApiKey:
        """The living key; raises `Problem` 401 for any other, 503 while there is no schema."""
        now = timezone.now()
        connection.set_schema_to_public()
        found = key_of(secret=key or "", now=now)
        if found is None:
            raise Problem(
                401,
                "key-refused",
                "Send a living API key in the header x-api-key.",
                headers={"WWW-Authenticate": 'ApiKey realm="api"'},
            )
        if not found.provider.is_active:
            raise Problem(
                503,
                "not-ready",
                "This provider is being set up. Try again in a moment.",
                headers={"Retry-After": "5"},
            )
        note_use(key=found, address=get_client_ip(request), now=now)
        cast("ApiRequest", request).provider = found.provider
        connection.set_tenant(found.provider)
        return found


class KeyRate(BaseThrottle):
    """So many requests a minute and key; without Redis nobody is stopped."""

    def allow_request(self, request: Any) -> bool:
        """Count this request in the running minute of its key."""
        key = f"api-rate:{request.auth.pk}:{int(time.time()) // MINUTE_SECONDS}"
        try:
            cache.add(key, 0, timeout=2 * MINUTE_SECONDS)
            return int(cache.incr(key)) <= settings.API_REQUESTS_PER_MINUTE
        except (RedisError, ValueError):
            logger.warning("The API's rate was not counted.", exc_info=True)
            return True

    def wait(self) -> float:
        """Seconds until the next minute begins."""
        return MINUTE_SECONDS - time.time() % MINUTE_SECONDS


def api_actor(request: ApiRequest) -> Actor:
    """Who an API call is in the log: the key by its beginning."""
    return Actor(id=None, name=f"API key {request.auth}")
