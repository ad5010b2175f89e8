"""The amounts that a card can be charged, in minor units: smallest, largest, and automatic.

Sources: docs/facts/stripe.md, Amounts; docs/decisions/0032. Settings override each table.
"""

from collections.abc import Mapping
from decimal import Decimal

from django.conf import settings

from billing.money import round_minor

# In major units. Stripe refuses less: its fee would exceed the amount.
_SMALLEST_AT_STRIPE: Mapping[str, str] = {
    **dict.fromkeys(("AUD", "BRL", "CAD", "CHF", "EUR", "INR", "NZD", "SGD", "USD"), "0.50"),
    **dict.fromkeys(("AED", "MYR", "PLN", "RON"), "2"),
    **dict.fromkeys(("NOK", "SEK"), "3"),
    **dict.fromkeys(("MXN", "THB"), "10"),
    "BGN": "1",
    "CZK": "15",
    "DKK": "2.50",
    "GBP": "0.30",
    "HKD": "4",
    "HUF": "175",
    "JPY": "50",
}
# Stripe takes eight digits of minor units.
_LARGEST_AT_STRIPE = 99_999_999


def smallest_charge(currency: str) -> int:
    """The smallest amount that can be charged to a card; 1 for a currency of neither table.

    What Stripe then refuses as too small becomes an operations alert.
    """
    amount = settings.SMALLEST_CHARGES.get(currency) or _SMALLEST_AT_STRIPE.get(currency)
    return 1 if amount is None else round_minor(Decimal(amount), currency)


def largest_charge(currency: str) -> int:
    """The largest amount that can be charged to a card."""
    amount = settings.LARGEST_CHARGES.get(currency)
    return _LARGEST_AT_STRIPE if amount is None else round_minor(Decimal(amount), currency)


def automatic_limit(currency: str) -> int:
    """The amount from which on an invoice is mailed and not charged, unless agreed otherwise.

    0 for a currency without a limit in the settings: each of its invoices is mailed.
    """
    return round_minor(Decimal(settings.AUTOMATIC_CHARGE_LIMITS.get(currency, 0)), currency)


def is_too_small(minor: int, currency: str) -> bool:
    """Whether the amount is above zero and below the smallest charge."""
    return 0 < minor < smallest_charge(currency)


def fits_a_card(minor: int, currency: str) -> bool:
    """Whether the amount can be charged to a card at once."""
    return smallest_charge(currency) <= minor <= largest_charge(currency)
