"""The part of each worker process that gives its signs of life and watches those of the others."""

import logging
from pathlib import Path
from typing import Any

from celery import bootsteps
from django.conf import settings
from django.db import connections

from core.clock import machine_now
from core.operations.heartbeats import WORKER, expect_beat, note, watch_heartbeats

logger = logging.getLogger(__name__)

SECONDS = 30.0


class HeartbeatStep(bootsteps.StartStopStep):
    """Writes heartbeats from the worker's main process, also while every child is busy."""

    requires = ("celery.worker.components:Timer",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._timer: Any = None

    def start(self, worker: Any) -> None:
        """Write at once, then every half minute."""
        names = [WORKER + queue for queue in worker.app.amqp.queues.consume_from]
        self._beat(names)
        self._timer = worker.timer.call_repeatedly(SECONDS, self._beat, (names,))

    def stop(self, worker: Any) -> None:  # noqa: ARG002 - Celery's signature
        """End the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self, names: list[str]) -> None:
        if settings.HEARTBEAT_PATH:
            # For a probe of this process alone, also while the database is away.
            Path(settings.HEARTBEAT_PATH).touch()
        now = machine_now()
        try:
            note(names=names, now=now)
            expect_beat(now=now)
            watch_heartbeats(now=now)
        except Exception:
            logger.exception("A heartbeat was not written; the next one follows.")
        finally:
            # The children that this process forks must not inherit a connection.
            connections.close_all()
