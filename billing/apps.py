"""Billing: the Django app."""

import importlib

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Contracts, invoices, charging, documents: one provider's schema."""

    name = "billing"

    def ready(self) -> None:
        """Register who does billing's durable work, and operations' pages of standing."""
        importlib.import_module("billing.effects")
        importlib.import_module("billing.alerts")
        importlib.import_module("billing.allowances.alerts")
        importlib.import_module("billing.standing_admin")
        importlib.import_module("billing.corrections.admin.records")
        importlib.import_module("billing.verification.admin")
