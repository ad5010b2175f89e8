"""The provider the code works for, and finding one by the name a person types."""

from accounts.models import Provider
from core.schema import NoProviderSchema, connection


class NoSuchProvider(LookupError):
    """No provider goes by that name; the text lists those that exist."""


def current_provider() -> Provider:
    """The provider whose schema was entered, as loaded at that door: no statement.

    What others may have changed since then must be read again. Raises `NoProviderSchema` where
    none was entered.
    """
    provider = connection.tenant
    if not isinstance(provider, Provider):
        raise NoProviderSchema("This work belongs to one provider, and none was entered.")
    return provider


def find_provider(*, name: str) -> Provider:
    """The provider with this invoice prefix (in any case) or schema name.

    Raises `NoSuchProvider`.
    """
    by_prefix = Provider.objects.filter(invoice_prefix__iexact=name)
    provider = by_prefix.first() or Provider.objects.filter(schema_name=name).first()
    if provider is None:
        known = Provider.objects.order_by("invoice_prefix").values_list("invoice_prefix", flat=True)
        listed = ", ".join(prefix.lower() for prefix in known[:20]) or "none yet"
        raise NoSuchProvider(f"There is no provider “{name}”. Providers: {listed}.")
    return provider
