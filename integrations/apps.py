"""Integrations: the Django app."""

import importlib

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    """PSA and other systems: one provider's schema."""

    name = "integrations"

    def ready(self) -> None:
        """Register outbox handlers, alert rules and promises."""
        importlib.import_module("integrations.autotask.sync.runs")
        importlib.import_module("integrations.alerts")
        importlib.import_module("integrations.promises")
        importlib.import_module("integrations.autotask.tickets.tickets")
        importlib.import_module("integrations.autotask.tickets.cases")
