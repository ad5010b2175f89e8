"""Operations' pages of a provider's limit of users and of its cases."""

from tenants.admin import cases, limits

__all__ = ["cases", "limits"]
