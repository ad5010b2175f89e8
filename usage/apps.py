"""Usage: the Django app."""

import importlib

from django.apps import AppConfig


class UsageConfig(AppConfig):
    """Metering, high-water marks, snapshots: one provider's schema."""

    name = "usage"

    def ready(self) -> None:
        """Register what usage watches for."""
        importlib.import_module("usage.alerts")
        importlib.import_module("usage.active_users.alerts")
        importlib.import_module("usage.active_users.import_kind")
