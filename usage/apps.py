"""Usage: the Django app."""

from django.apps import AppConfig


class UsageConfig(AppConfig):
    """Metering, high-water marks, snapshots: one provider's schema."""

    name = "usage"
