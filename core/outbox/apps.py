"""The outbox: the Django app."""

from django.apps import AppConfig

from core import servers


class OutboxConfig(AppConfig):
    """The outbox, in the public schema."""

    name = "core.outbox"
    label = "outbox"

    def ready(self) -> None:
        """Have every connection be one of the server that is entered."""
        servers.install()
