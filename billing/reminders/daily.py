"""One provider's daily look at what comes soon."""

from datetime import datetime

from accounts.models import Provider
from billing.reminders.expiring_cards import warn_of_expiry
from billing.reminders.renewals import give_notice
from core.schema import provider_schema


def remind(*, provider: Provider, now: datetime) -> None:
    """Mail a card's expiry and a contract's renewal or end, each once; safe at any hour."""
    with provider_schema(provider):
        warn_of_expiry(provider=provider, now=now)
        give_notice(provider=provider, now=now)
