"""The demo: a Django app with its command and the pages of its mails; it has no models."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Loads the demo providers."""

    name = "mtp.demo"
    label = "demo"
