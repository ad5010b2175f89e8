"""Tenants: the Django app."""

import importlib

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Organizations, their users and devices, caps, audit log: one provider's schema."""

    name = "tenants"

    def ready(self) -> None:
        """Register what a new provider's schema begins with, and the work to do later."""
        importlib.import_module("tenants.new_provider")
        importlib.import_module("tenants.imports.users")
        importlib.import_module("tenants.imports.devices")
        importlib.import_module("tenants.imports.dry_run")
        importlib.import_module("tenants.imports.apply")
        importlib.import_module("tenants.cap_requests.decisions")
