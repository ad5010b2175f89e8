"""Providers, logins, roles, packages: the public schema."""
