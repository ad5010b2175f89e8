"""Usage: the Django app."""

import importlib

from django.apps import AppConfig


class UsageConfig(AppConfig):
    """Usage, with its tables in each provider's schema."""

    name = "usage"

    def ready(self) -> None:
        """Register the alert rules and the import kind."""
        importlib.import_module("usage.alerts")
        importlib.import_module("usage.active_users.alerts")
        importlib.import_module("usage.active_users.import_kind")
