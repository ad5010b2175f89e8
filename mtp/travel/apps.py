"""Moving the portal's clock: the Django app, which production has not."""

from typing import Any

from celery import signals
from django.apps import AppConfig
from django.conf import settings
from django.db.backends.signals import connection_created

from core.clock import look_first
from mtp.travel import position


class TravelConfig(AppConfig):
    """Commands, tasks and pages; the table is that of `core.operations`."""

    name = "mtp.travel"
    label = "travel"

    def ready(self) -> None:
        """Follow the clock at the edges of a process: its start, a connection, a task."""
        if settings.TIME_TRAVEL:
            look_first(position.look)
            connection_created.connect(_bring)
            signals.task_prerun.connect(_follow)


def _bring(connection: Any, **_: Any) -> None:
    position.bring_to(connection)


def _follow(task: Any, **_: Any) -> None:
    # A task that runs inside another has its clock.
    if not (task.request.called_directly or task.request.is_eager):
        position.follow()
