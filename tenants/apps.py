"""Tenants: the Django app."""

import importlib

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Organizations, their users and devices, caps, audit log: one provider's schema."""

    name = "tenants"

    def ready(self) -> None:
        """Register what a new provider's schema begins with."""
        importlib.import_module("tenants.new_provider")
