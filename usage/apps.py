"""Usage: the Django app."""

import importlib

from django.apps import AppConfig


class UsageConfig(AppConfig):
    """Metering, high-water marks, snapshots: one provider's schema."""

    name = "usage"

    def import_models(self) -> None:
        """Load the models that have a module of their own with the others."""
        super().import_models()
        importlib.import_module("usage.active_users.models")
        importlib.import_module("usage.forecast.models")
        importlib.import_module("usage.what_if.models")

    def ready(self) -> None:
        """Register what usage watches for."""
        importlib.import_module("usage.alerts")
        importlib.import_module("usage.active_users.alerts")
        importlib.import_module("usage.active_users.importing")
