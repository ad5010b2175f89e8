"""The outbox: the Django app."""

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    """Durable work, in the public schema."""

    name = "core.outbox"
    label = "outbox"
