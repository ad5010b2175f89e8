"""Billing: the Django app."""

import importlib

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Contracts, invoices, charging, documents: one provider's schema."""

    name = "billing"

    def ready(self) -> None:
        """Register who does billing's durable work, and operations' pages of standing."""
        importlib.import_module("billing.outbox_handlers")
        importlib.import_module("billing.alerts")
        importlib.import_module("billing.allowance_alerts")
        importlib.import_module("billing.admin.dunning")
        importlib.import_module("billing.admin.corrections.records")
        importlib.import_module("billing.admin.verification")
