"""The demo: the Django app, only for its command; it has no models."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Loads the demo providers."""

    name = "mtp.demo"
    label = "demo"
