"""The middleware around each request: its id, its log line, and its figures."""

import logging
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars, clear_contextvars

from core.telemetry.counters import REQUEST_SECONDS, REQUESTS, STATEMENTS

logger = logging.getLogger("mtp.request")

ID_HEADER = "X-Request-ID"
NO_ROUTE = "none"
# Lines for these would be most of the log.
QUIET_ROUTES = frozenset({"live", "ready", "metrics"})
SERVER_ERROR = 500
BAD_REQUEST = 400
_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_REASON_LENGTH = 300

Handler = Callable[[HttpRequest], HttpResponse]


class _Statements:
    """Counts the statements of the connection in the block."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        self.count += 1
        return execute(*arguments)


class TelemetryMiddleware:
    """Binds the request's id to every line, then logs one line about the request and counts it.

    The id is that of the proxy (`X-Request-ID`) or a new one; the answer carries it too. An answer
    below 400 is logged as INFO, a refusal as WARNING, an error of ours as ERROR.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Measure the rest of the request."""
        given = request.headers.get(ID_HEADER, "")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        clear_contextvars()
        bind_contextvars(request_id=request_id)
        statements = _Statements()
        began = time.perf_counter()
        with connection.execute_wrapper(statements):
            response = self.get_response(request)
        _record(request, response, seconds=time.perf_counter() - began, statements=statements.count)
        response[ID_HEADER] = request_id
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Keep the reason of a refusal for the line."""
        if isinstance(exception, PermissionDenied):
            request.refusal = str(exception)[:_REASON_LENGTH]  # type: ignore[attr-defined] # ours


def _record(
    request: HttpRequest, response: HttpResponse, *, seconds: float, statements: int
) -> None:
    route = request.resolver_match.view_name if request.resolver_match else NO_ROUTE
    REQUESTS.labels(route, request.method, response.status_code).inc()
    REQUEST_SECONDS.labels(route).observe(seconds)
    STATEMENTS.labels(route).observe(statements)
    if route in QUIET_ROUTES and response.status_code < BAD_REQUEST:
        return
    level = logging.INFO
    if response.status_code >= SERVER_ERROR:
        level = logging.ERROR
    elif response.status_code >= BAD_REQUEST:
        level = logging.WARNING
    fields = {
        "method": request.method,
        "path": request.path,
        "route": route,
        "status": response.status_code,
        "seconds": round(seconds, 4),
        "statements": statements,
        "reason": getattr(request, "refusal", None),
        # The schema is left by now.
        "provider": getattr(getattr(request, "provider", None), "schema_name", None),
    }
    logger.log(level, "request", extra={k: v for k, v in fields.items() if v is not None})
