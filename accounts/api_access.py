"""Access to the API: the key chooses the provider and enters its schema; calls are limited."""

import logging
import time
from datetime import datetime
from typing import Any, cast

from allauth.core.internal.httpkit import get_client_ip
from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import APIKeyHeader
from ninja.throttling import BaseThrottle
from redis import RedisError
from structlog.contextvars import bind_contextvars

from accounts.api_keys import find_key, record_use
from accounts.models import ApiKey, Provider
from accounts.stages import Use
from core.actors import Actor, ActorKind
from core.cache import counted
from core.congestion import take_place
from core.problems import Problem
from core.schema import connection, enter_provider, leave_provider

logger = logging.getLogger(__name__)
MINUTE_SECONDS = 60
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class ApiRequest(HttpRequest):
    """A request with an active key, in the schema of the key's provider."""

    auth: ApiKey
    provider: Provider


class ProviderKey(APIKeyHeader):
    """Authentication by the key in `x-api-key`, which alone chooses the provider.

    Enters the provider's schema; the middleware leaves it after the request. A session cookie is
    ignored.
    """

    param_name = "x-api-key"

    def authenticate(self, request: HttpRequest, key: str | None) -> ApiKey:
        """The active key. Raises `Problem` 401 for any other, 503 while the schema is set up.

        Raises `Congested` while another request of the provider waits for a lock.
        """
        now = timezone.now()
        leave_provider()
        api_key = find_key(secret=key or "", now=now)
        if api_key is None:
            raise Problem(
                401,
                "key-refused",
                "Send a living API key in the header x-api-key.",
                headers={"WWW-Authenticate": 'ApiKey realm="api"'},
            )
        if not api_key.provider.is_active:
            raise Problem(
                503,
                "not-ready",
                "This provider is being set up, updated or restored. Try again in a moment.",
                headers={"Retry-After": "5"},
            )
        _require_stage(request, api_key.provider, now=now)
        client = request.headers.get("User-Agent", "")
        record_use(key=api_key, client=client, address=get_client_ip(request), now=now)
        # The note of its use is no change by the request (`core.unavailable`).
        connection.commits = 0
        take_place(request, schema=api_key.provider.schema_name)
        cast("ApiRequest", request).provider = api_key.provider
        enter_provider(api_key.provider)
        bind_contextvars(api_key=str(api_key))
        return api_key


def _require_stage(request: HttpRequest, provider: Provider, *, now: datetime) -> None:
    """Raise `Problem` 403 for a closed account, and for a change in a read-only one."""
    if not provider.allows(Use.SIGN_IN, now):
        raise Problem(403, "closed", "This account is closed. Write to our support to open it.")
    if request.method not in SAFE_METHODS and not provider.allows(Use.CHANGE, now):
        raise Problem(
            403, "read-only", "This account is read-only: your company has left. Nothing changed."
        )


class KeyRate(BaseThrottle):
    """A limit of requests per minute and key. Without Redis there is no limit."""

    def allow_request(self, request: Any) -> bool:
        """Count this request in the current minute of its key."""
        key = f"api-rate:{request.auth.pk}:{int(time.time()) // MINUTE_SECONDS}"
        try:
            number = counted(key, seconds=2 * MINUTE_SECONDS)
        except (RedisError, ValueError):
            logger.warning("The API request was not counted.", exc_info=True)
            return True
        return number <= settings.API_REQUESTS_PER_MINUTE

    def wait(self) -> float:
        """Seconds until the next minute begins."""
        return MINUTE_SECONDS - time.time() % MINUTE_SECONDS


def api_actor(request: ApiRequest) -> Actor:
    """The actor of an API call in the audit log: the key by its prefix."""
    return Actor(id=None, name=f"API key {request.auth}", kind=ActorKind.API_KEY)
