"""Accounts: the Django app."""

import importlib

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Providers, logins, roles, packages: the public schema."""

    name = "accounts"

    def import_models(self) -> None:
        """Load API keys and invitations with the other models: they have a module of their own."""
        super().import_models()
        importlib.import_module("accounts.credentials")
