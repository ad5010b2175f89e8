"""Accounts: the Django app."""

import importlib

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Providers, logins, roles, packages: the public schema."""

    name = "accounts"

    def ready(self) -> None:
        """Note when each session began; register the handler of reset mails."""
        for module in ("sessions", "password_reset"):
            importlib.import_module(f"accounts.security.{module}")
