"""Billing: the Django app."""

import importlib

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Contracts, invoices, charging, documents: one provider's schema."""

    name = "billing"

    def ready(self) -> None:
        """Register who does billing's durable work."""
        importlib.import_module("billing.effects")
