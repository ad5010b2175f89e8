"""The Django app of tenants."""

import importlib

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Organizations, their members, caps, alerts and audit log, in each provider's schema."""

    name = "tenants"

    def ready(self) -> None:
        """Import the modules that register handlers, import kinds and first rows of a schema."""
        for module in (
            "audit",
            "new_provider",
            "imports.users",
            "imports.devices",
            "imports.dry_run",
            "imports.apply",
            "cap_requests.decisions",
            "bulk.apply",
        ):
            importlib.import_module(f"tenants.{module}")
