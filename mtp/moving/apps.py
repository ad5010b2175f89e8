"""Moving a provider: the Django app, for its command."""

from django.apps import AppConfig


class MovingConfig(AppConfig):
    """Moving a provider to another database server."""

    name = "mtp.moving"
    label = "moving"
