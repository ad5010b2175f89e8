"""Money in integer minor units: exponents, rounding and formatting."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import lru_cache

from babel.numbers import format_currency, get_currency_precision

# Where Stripe's minor unit differs from CLDR's: Stripe takes two decimals, CLDR shows none.
_STRIPE_EXPONENTS = dict.fromkeys(
    (
        *("AFN", "ALL", "IQD", "IRR", "ISK", "LAK", "LBP", "MMK", "RSD"),
        *("SLL", "SOS", "STD", "SYP", "UGX", "YER"),
    ),
    2,
)
# Stripe charges these currencies only in multiples of this many minor units.
_SMALLEST_STEP = {
    **dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 10),
    **dict.fromkeys(("ISK", "UGX"), 100),
}
# Enough for a quantity of 14 digits times a price of 12, with tax.
_PRECISION = 60


@lru_cache
def exponent(currency: str) -> int:
    """The decimals of an ISO 4217 currency's minor unit at Stripe.

    From Babel (CLDR), corrected for the currencies where Stripe differs.
    """
    return _STRIPE_EXPONENTS.get(currency, get_currency_precision(currency))


def round_minor(amount: Decimal, currency: str) -> int:
    """Convert an amount in major units to minor units, rounded half away from zero.

    The only place where money is rounded. The result can be charged: currencies with three decimals
    in steps of ten minor units, ISK and UGX in whole units (Stripe, Currencies).
    """
    step = _SMALLEST_STEP.get(currency, 1)
    with localcontext(prec=_PRECISION, rounding=ROUND_HALF_UP):
        steps = amount.scaleb(exponent(currency)) / step
        return int(steps.to_integral_value()) * step


def major(minor: int, currency: str) -> Decimal:
    """Convert minor units to major units exactly: 123450 in USD is 1234.50."""
    with localcontext(prec=_PRECISION):
        return Decimal(minor).scaleb(-exponent(currency))


def format_money(minor: int, currency: str, *, locale: str = "en_US") -> str:
    """Minor units as text with all decimals of the currency: "$1,234.50"."""
    decimals = exponent(currency)
    pattern = "¤#,##0" + ("." + "0" * decimals if decimals else "")
    return format_currency(
        major(minor, currency), currency, pattern, locale=locale, currency_digits=False
    )


def format_amounts(minor_by_currency: Mapping[str, int], *, locale: str = "en_US") -> str:
    """Minor units of each currency, joined: "$1,234.50 and €20.00"."""
    amounts = sorted(minor_by_currency.items())
    return " and ".join(format_money(minor, currency, locale=locale) for currency, minor in amounts)


def format_unit_price(price: Decimal, currency: str, *, locale: str = "en_US") -> str:
    """A unit price in major units, with the currency's decimals up to four: "$0.0125"."""
    decimals = exponent(currency)
    pattern = "¤#,##0" + ("." if decimals < _UNIT_PRICE_DECIMALS else "")
    pattern += "0" * decimals + "#" * (_UNIT_PRICE_DECIMALS - decimals)
    return format_currency(price, currency, pattern, locale=locale, currency_digits=False)


_UNIT_PRICE_DECIMALS = 4
