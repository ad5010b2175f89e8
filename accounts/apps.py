"""Accounts: the Django app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Providers, logins, roles, packages: the public schema."""

    name = "accounts"
