"""Log lines: JSON in production, with the ids of request, task, provider and user on each."""

import logging
from typing import Any

import structlog
from django.apps import apps
from django.db import connection
from structlog.types import EventDict, ExcInfo, Processor

from core.telemetry.redaction import redacted

SERVER_ERROR = 500
WAKE_UP = "core.outbox.tasks.send_due"
# Fields that a caller may give in `extra`.
FIELDS = {
    *("method", "path", "route", "status", "seconds", "statements", "address", "reason"),
    *("task", "outcome", "topic", "provider"),
}


def configuration(*, level: str, as_json: bool) -> dict[str, Any]:
    """The configuration of `logging`, for the settings and for the web server."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"portal": {"()": "core.telemetry.logs.formatter", "as_json": as_json}},
        "filters": {
            "refusals": {"()": "core.telemetry.logs.RefusalsFilter"},
            "wake_ups": {"()": "core.telemetry.logs.WakeUpsFilter"},
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stderr",
                "formatter": "portal",
            }
        },
        "loggers": {
            **{
                name: {"level": "WARNING"}
                for name in (
                    *("weasyprint", "fontTools", "stripe", "httpx", "httpcore", "environ"),
                    # Two lines for each task; that about its end is enough.
                    "celery.worker.strategy",
                )
            },
            "django": {"level": "INFO", "handlers": [], "propagate": True},
            "django.request": {"filters": ["refusals"]},
            "django.security.DisallowedHost": {"filters": ["refusals"]},
            "celery.app.trace": {"filters": ["wake_ups"]},
            "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
        },
        "root": {"handlers": ["console"], "level": level},
    }


def formatter(*, as_json: bool) -> logging.Formatter:
    """The formatter of every line."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(allow=FIELDS),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_provider,
        without_expected_tracebacks,
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            without_secrets,
            renderer,
        ],
    )


def add_provider(_logger: Any, _name: str, event: EventDict) -> EventDict:
    """Add the schema that the connection is bound to, if it is a provider's."""
    # Earlier, the settings are being read, and the connection would be made without them.
    schema = getattr(connection, "schema_name", None) if apps.ready else None
    if schema and schema != "public":
        event.setdefault("provider", schema)
    return event


def without_expected_tracebacks(_logger: Any, _name: str, event: EventDict) -> EventDict:
    """Below the level of errors, the class and text of the exception in place of its traceback.

    A warning is about what a person or a later attempt puts right: its text says enough.
    """
    error = _error_of(event.get("exc_info"))
    if error is not None and event["level"] not in ("error", "critical"):
        event.pop("exc_info")
        event["error"] = f"{type(error).__name__}: {error}".strip()
    return event


def without_secrets(_logger: Any, _name: str, event: EventDict) -> EventDict:
    """Every value without secrets."""
    hidden: EventDict = redacted(event)
    return hidden


class RefusalsFilter(logging.Filter):
    """Drops Django's line about a refused request, which the line of the request repeats."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep lines about errors of the server."""
        return bool(getattr(record, "status_code", SERVER_ERROR) == SERVER_ERROR)


class WakeUpsFilter(logging.Filter):
    """Drops the line of a wake-up of the outbox, which comes every few seconds in each lane."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every other task's line, and that of a wake-up that failed."""
        task = getattr(record, "data", None) or {}
        return record.levelno > logging.INFO or task.get("name") != WAKE_UP


def _error_of(exc_info: ExcInfo | BaseException | bool | None) -> BaseException | None:
    if isinstance(exc_info, tuple):
        return exc_info[1]
    return exc_info if isinstance(exc_info, BaseException) else None
