"""Integrations: the Django app."""

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    """PSA and other systems: one provider's schema."""

    name = "integrations"
