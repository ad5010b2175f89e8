"""Celery tasks: the ids of task and request on their lines, and their figures."""

import logging.config
from typing import Any

from billiard.process import current_process
from celery import signals
from django.conf import settings
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from core.telemetry import reporting, slots
from core.telemetry.counters import TASKS

REQUEST_HEADER = "mtp_request"


@signals.setup_logging.connect
def _use_our_logging(**_: Any) -> None:
    # A receiver keeps Celery from configuring its own.
    logging.config.dictConfig(settings.LOGGING)


@signals.before_task_publish.connect
def _send_request_id(headers: dict[str, Any], **_: Any) -> None:
    request_id = get_contextvars().get("request_id")
    if request_id:
        headers.setdefault(REQUEST_HEADER, request_id)


@signals.task_prerun.connect
def _bind(task_id: str, task: Any, **_: Any) -> None:
    if task.request.called_directly or task.request.is_eager:
        return
    clear_contextvars()
    bind_contextvars(task_id=task_id, task=task.name)
    request_id = (task.request.headers or {}).get(REQUEST_HEADER) or task.request.get(
        REQUEST_HEADER
    )
    if request_id:
        bind_contextvars(request_id=request_id)


@signals.task_postrun.connect
def _count(task: Any, state: str | None, **_: Any) -> None:
    TASKS.labels(task.name, (state or "unknown").lower()).inc()
    if not (task.request.called_directly or task.request.is_eager):
        clear_contextvars()


@signals.worker_process_init.connect
def _begin_process(**_: Any) -> None:
    # The pool gives the number of a child that ended to the one after it.
    slots.enter(current_process().index)  # type: ignore[attr-defined] # of a pool's process
    reporting.start()
