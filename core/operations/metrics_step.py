"""The part of a worker's main process that shows the counters of its children to Prometheus."""

import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from celery import bootsteps
from django.conf import settings
from prometheus_client.exposition import ThreadingWSGIServer

from core.telemetry import slots
from core.telemetry.counters import CONTENT_TYPE, exposition
from core.telemetry.token import is_metrics_token


def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The figures, for the bearer of METRICS_TOKEN."""
    if not is_metrics_token(environ.get("HTTP_AUTHORIZATION", "")):
        start_response("401 Unauthorized", [("Content-Type", "text/plain")])
        return [b"Send METRICS_TOKEN as a bearer token.\n"]
    start_response("200 OK", [("Content-Type", CONTENT_TYPE)])
    return [exposition()]


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing per request."""


class MetricsStep(bootsteps.StartStopStep):
    """Serves `answer` at WORKER_METRICS_PORT; nothing where that is 0."""

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._server: Any = None

    def start(self, worker: Any) -> None:  # noqa: ARG002 - Celery's signature
        """Serve from a thread."""
        if not settings.WORKER_METRICS_PORT:
            return
        self._server = make_server(
            "", settings.WORKER_METRICS_PORT, answer, ThreadingWSGIServer, handler_class=_Quiet
        )
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self, worker: Any) -> None:  # noqa: ARG002 - Celery's signature
        """End the server, and remove the counters."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            slots.end()
