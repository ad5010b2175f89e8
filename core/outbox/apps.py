"""The outbox: the Django app."""

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    """The outbox, in the public schema."""

    name = "core.outbox"
    label = "outbox"
