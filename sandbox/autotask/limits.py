"""The two limits of the API: requests at once per endpoint, and requests per rolling hour."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.autotask.wire import Refused, Row
from sandbox.autotask.world import Settings


class Limits:
    """Counts requests. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: deque[float] = deque()
        self._running: dict[tuple[str, str], int] = {}
        self._peaks: dict[str, int] = {}

    @contextmanager
    def admitted(
        self, *, endpoint: str, integration_code: str, settings: Settings
    ) -> Iterator[float]:
        """Hold one thread of an endpoint; returns the seconds of latency to add. Raises Refused."""
        key = (endpoint, integration_code)
        retry_after = settings.retry_after or None
        with self._lock:
            used = self._count(settings)
            if used >= settings.threshold:
                raise Refused(
                    f"The number of requests has exceeded the limit of {settings.threshold} "
                    f"per {settings.timeframe_minutes} minutes.",
                    status=settings.threshold_status,
                    retry_after=retry_after,
                )
            self._seen.append(time.monotonic())
            if self._running.get(key, 0) >= settings.thread_limit:
                raise thread_refusal(settings)
            self._running[key] = self._running.get(key, 0) + 1
            self._peaks[endpoint] = max(self._peaks.get(endpoint, 0), self._running[key])
        try:
            yield _latency(used + 1, settings)
        finally:
            with self._lock:
                self._running[key] -= 1

    def used(self, settings: Settings) -> int:
        """Requests in the timeframe that ends now."""
        with self._lock:
            return self._count(settings)

    def peaks(self) -> Row:
        """The most requests at once seen per endpoint."""
        with self._lock:
            return dict(self._peaks)

    def use(self, count: int) -> None:
        """Count requests that other integrations of the same database made just now."""
        with self._lock:
            self._seen = deque([time.monotonic()] * count)

    def forget(self) -> None:
        """Reset the counts. Running requests keep their threads."""
        with self._lock:
            self._seen.clear()
            self._peaks.clear()

    def _count(self, settings: Settings) -> int:
        oldest = time.monotonic() - settings.timeframe_minutes * 60
        while self._seen and self._seen[0] < oldest:
            self._seen.popleft()
        return len(self._seen)


def thread_refusal(settings: Settings) -> Refused:
    """The refusal of a request too many at once."""
    return Refused(
        "Itgenatr005: The thread threshold of this API tracking identifier and endpoint "
        "has been exceeded.",
        status=settings.thread_status,
        retry_after=settings.retry_after or None,
    )


def _latency(used: int, settings: Settings) -> float:
    if used * 4 >= settings.threshold * 3:
        return settings.latency_at_three_quarters
    return settings.latency_at_half if used * 2 >= settings.threshold else 0.0
