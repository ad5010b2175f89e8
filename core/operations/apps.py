"""Operations alerts: the Django app."""

import importlib

from django.apps import AppConfig


class OperationsConfig(AppConfig):
    """Operations alerts, in the public schema."""

    name = "core.operations"
    label = "operations"

    def ready(self) -> None:
        """Register the outbox handler of alert mails and the kinds of alerts."""
        for module in ("mails", "heartbeats", "outbox_watch", "server_watch", "service_watch"):
            importlib.import_module(f"core.operations.{module}")
