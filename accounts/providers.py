"""The current provider, and the provider of a name that a person types."""

from accounts.models import Provider
from core.schema import NoProviderSchema, connection


class NoSuchProvider(LookupError):
    """No provider has that name; the message lists the existing ones."""


def current_provider() -> Provider:
    """The provider whose schema is entered, as it was loaded then: no statement.

    Read again what may have changed since. Raises `NoProviderSchema` outside of a schema.
    """
    provider = connection.tenant
    if not isinstance(provider, Provider):
        raise NoProviderSchema("This work belongs to one provider, and none was entered.")
    return provider


def find_provider(*, name: str) -> Provider:
    """The provider with this invoice prefix or schema name. Raises `NoSuchProvider`."""
    by_prefix = Provider.objects.filter(invoice_prefix__iexact=name)
    provider = by_prefix.first() or Provider.objects.filter(schema_name=name).first()
    if provider is None:
        all_prefixes = Provider.objects.order_by("invoice_prefix")
        prefixes = all_prefixes.values_list("invoice_prefix", flat=True)[:20]
        listed = ", ".join(prefix.lower() for prefix in prefixes) or "none yet"
        raise NoSuchProvider(f"There is no provider “{name}”. Providers: {listed}.")
    return provider
