"""A circuit breaker for each outside service, shared by all processes through the cache.

After `OUTSIDE_FAILURES` calls in a row without an answer, calls are refused at once for
`OUTSIDE_PAUSE_SECONDS`. Then one call at a time tries the service, until one is answered. An empty
or unreachable cache refuses nothing.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum

from django.conf import settings
from django.core.cache import cache

# Longer than a call takes: a process that is killed in its trial must not block the next one.
TRIAL_SECONDS = 60
REMEMBERED_SECONDS = 24 * 60 * 60


class Service(StrEnum):
    """An outside service, by the name that people read."""

    STRIPE = "Stripe"
    AUTOTASK = "Autotask"
    MAIL = "The mail server"


class ServiceAway(Exception):
    """The call was not made, because the service did not answer the last ones; wait for `wait`."""

    def __init__(self, service: Service, wait: timedelta) -> None:
        super().__init__(f"{service} did not answer the last calls and is not called for now.")
        self.service = service
        self.wait = wait


@contextmanager
def guarded_call(service: Service, *, is_silence: Callable[[Exception], bool]) -> Iterator[None]:
    """Make one call of the service in the block.

    An error counts against the service if `is_silence` says that it did not answer; every other
    outcome closes its breaker. Raises `ServiceAway` instead of running the block.
    """
    failures = _admit(service)
    try:
        yield
    except Exception as error:
        if is_silence(error):
            _count_silence(service)
        else:
            _close(service, failures=failures)
        raise
    _close(service, failures=failures)


def require_answering(service: Service) -> None:
    """Raise `ServiceAway` during the pause; for a caller that writes before it calls."""
    paused_until = cache.get(_key(service, "paused"))
    if paused_until:
        raise ServiceAway(service, timedelta(seconds=max(1.0, paused_until - time.time())))


def silent_services() -> list[Service]:
    """The services that are paused, or tried by one call at a time."""
    return [
        service
        for service in Service
        if cache.get(_key(service, "failures"), 0) >= settings.OUTSIDE_FAILURES
    ]


def _admit(service: Service) -> int:
    """Return the calls without an answer up to now. Raises `ServiceAway`."""
    require_answering(service)
    failures = int(cache.get(_key(service, "failures"), 0))
    if failures >= settings.OUTSIDE_FAILURES and not cache.add(
        _key(service, "trial"), 1, timeout=TRIAL_SECONDS
    ):
        raise ServiceAway(service, timedelta(seconds=settings.OUTSIDE_PAUSE_SECONDS))
    return failures


def _count_silence(service: Service) -> None:
    cache.add(_key(service, "failures"), 0, timeout=REMEMBERED_SECONDS)
    try:
        failures = cache.incr(_key(service, "failures"))
    except ValueError:
        return  # The cache does not answer: nothing is refused.
    if failures >= settings.OUTSIDE_FAILURES:
        pause = settings.OUTSIDE_PAUSE_SECONDS
        cache.set(_key(service, "paused"), time.time() + pause, timeout=pause)
    cache.delete(_key(service, "trial"))


def _close(service: Service, *, failures: int) -> None:
    if failures:
        cache.delete_many([_key(service, name) for name in ("failures", "paused", "trial")])


def _key(service: Service, name: str) -> str:
    return f"breaker:{service.name}:{name}"
