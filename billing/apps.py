"""Billing: the Django app."""

import importlib

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Contracts, invoices, charging, documents: one provider's schema."""

    name = "billing"

    def ready(self) -> None:
        """Register the outbox handlers, the alert rules and the promises of billing."""
        for module in (
            "outbox_handlers",
            "alerts",
            "promises.payments",
            "promises.documents",
            "promises.deadlines",
        ):
            importlib.import_module(f"billing.{module}")
