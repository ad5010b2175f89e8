"""Operations' pages of billing; importing this package registers them."""

from billing.admin import contracts, departures, dunning, payments, verification
from billing.admin.corrections import records

__all__ = ["contracts", "departures", "dunning", "payments", "records", "verification"]
