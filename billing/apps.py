"""Billing: the Django app."""

import importlib

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Contracts, invoices, charging, documents: one provider's schema."""

    name = "billing"

    def ready(self) -> None:
        """Register the outbox handlers and the alert rules of billing."""
        importlib.import_module("billing.outbox_handlers")
        importlib.import_module("billing.alerts")
