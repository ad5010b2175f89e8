"""Amounts in minor units: the smallest and largest charge, and how Stripe writes them."""

from sandbox.stripe.errors import StripeError

LARGEST = 99_999_999
HALF_A_DOLLAR = 50
# Beside the currencies whose smallest charge is 50 minor units.
SMALLEST = {
    "aed": 200,
    "bgn": 100,
    "czk": 1500,
    "dkk": 250,
    "gbp": 30,
    "hkd": 400,
    "huf": 17500,
    "mxn": 1000,
    "myr": 200,
    "nok": 300,
    "pln": 200,
    "ron": 200,
    "sek": 300,
    "thb": 1000,
    # What half a dollar is worth in them.
    "krw": 700,
    "kwd": 160,
    "ugx": 180_000,
}
SIGNS = {"eur": "€", "gbp": "£", "jpy": "¥", "usd": "$"}
WHOLE = {
    *("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv"),
    *("xaf", "xof", "xpf"),
}
THOUSANDTHS = {"bhd", "jod", "kwd", "omr", "tnd"}


def check_charge(minor: int, currency: str) -> None:
    """Refuse an amount that no card can be charged."""
    smallest = SMALLEST.get(currency, HALF_A_DOLLAR)
    if minor < smallest:
        raise StripeError(
            f"Amount must be at least {shown(smallest, currency)} {currency}",
            code="amount_too_small",
            param="amount",
        )
    if minor > LARGEST:
        raise StripeError(
            f"Amount must be no more than {shown(LARGEST, currency)}",
            code="amount_too_large",
            param="amount",
        )


def shown(minor: int, currency: str) -> str:
    """`$999,999.99`, `¥50`; without a sign, the currency's code: `SEK 3.00`."""
    places = 0 if currency in WHOLE else 3 if currency in THOUSANDTHS else 2
    sign = SIGNS.get(currency, f"{currency.upper()} ")
    whole, rest = divmod(minor, 10**places)
    return f"{sign}{whole:,}.{rest:0{places}d}" if places else f"{sign}{whole:,}"
