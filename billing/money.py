"""Money in integer minor units: exponents, the one rounding function, the one way to print it."""

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
# Stripe charges these only in multiples of so many minor units.
_SMALLEST_STEP = {
    **dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 10),
    **dict.fromkeys(("ISK", "UGX"), 100),
}
# Quantities of 14 and prices of 12 digits multiplied, with room for tax.
_PRECISION = 60


@lru_cache
def exponent(currency: str) -> int:
    """How many decimals the minor unit of an ISO 4217 currency has, as Stripe counts them.

    Babel's figures (CLDR), corrected where Stripe's minor unit is another one.
    """
    return _STRIPE_EXPONENTS.get(currency, get_currency_precision(currency))


def round_minor(amount: Decimal, currency: str) -> int:
    """The amount (in major units) as minor units, rounded half away from zero.

    The only place where money is rounded. The result is one that can be charged: three-decimal
    currencies in steps of ten minor units, ISK and UGX in whole units (Stripe, Currencies).
    """
    step = _SMALLEST_STEP.get(currency, 1)
    with localcontext(prec=_PRECISION, rounding=ROUND_HALF_UP):
        steps = amount.scaleb(exponent(currency)) / step
        return int(steps.to_integral_value()) * step


def major(minor: int, currency: str) -> Decimal:
    """Minor units as a Decimal in major units, exactly: 123450 of USD is 1234.50."""
    with localcontext(prec=_PRECISION):
        return Decimal(minor).scaleb(-exponent(currency))


def format_money(minor: int, currency: str) -> str:
    """Minor units as people read them, with every decimal of the currency: "$1,234.50"."""
    decimals = exponent(currency)
    pattern = "¤#,##0" + ("." + "0" * decimals if decimals else "")
    return format_currency(
        major(minor, currency), currency, pattern, locale="en_US", currency_digits=False
    )


def format_amounts(minor_by_currency: Mapping[str, int]) -> str:
    """Minor units of each currency, joined: "$1,234.50 and €20.00"."""
    amounts = sorted(minor_by_currency.items())
    return " and ".join(format_money(minor, currency) for currency, minor in amounts)


def format_unit_price(price: Decimal, currency: str) -> str:
    """A unit price with its currency's decimals, and up to four where it has more: "$0.0125"."""
    decimals = exponent(currency)
    pattern = "¤#,##0" + ("." if decimals < _UNIT_PRICE_DECIMALS else "")
    pattern += "0" * decimals + "#" * (_UNIT_PRICE_DECIMALS - decimals)
    return format_currency(price, currency, pattern, locale="en_US", currency_digits=False)


_UNIT_PRICE_DECIMALS = 4
