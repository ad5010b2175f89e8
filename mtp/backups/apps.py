"""Backup and restore: the Django app."""

import importlib

from django.apps import AppConfig


class BackupsConfig(AppConfig):
    """Commands that back up and restore one provider; no tables."""

    name = "mtp.backups"

    def ready(self) -> None:
        """Register the kinds of operations alerts of a restore."""
        importlib.import_module("mtp.backups.kinds")
