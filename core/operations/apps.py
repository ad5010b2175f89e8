"""Operations alerts: the Django app."""

import importlib

from django.apps import AppConfig


class OperationsConfig(AppConfig):
    """Operations alerts, in the public schema."""

    name = "core.operations"
    label = "operations"

    def ready(self) -> None:
        """Register the outbox handler of alert mails."""
        importlib.import_module("core.operations.mails")
