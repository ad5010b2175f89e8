"""Finding a provider by the name a person types."""

from accounts.models import Provider


class NoSuchProvider(LookupError):
    """No provider goes by that name; the text lists those that exist."""


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
