"""Tenants: the Django app."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Organizations, their users and devices, caps, audit log: one provider's schema."""

    name = "tenants"
