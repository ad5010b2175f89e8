"""The operations admin of the public schema."""

from accounts.admin import packages, providers, sign_ins, users

__all__ = ["packages", "providers", "sign_ins", "users"]
