"""Retention: the Django app."""

import importlib

from django.apps import AppConfig


class RetentionConfig(AppConfig):
    """The nightly prune and its command; no tables."""

    name = "mtp.retention"

    def ready(self) -> None:
        """Register the kind of operations alert of a prune that failed."""
        importlib.import_module("mtp.retention.prune")
