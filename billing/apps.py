"""Billing: the Django app."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Contracts, invoices, charging, documents: one provider's schema."""

    name = "billing"
