"""Money: exponents, rounding and formatting by currency."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.money import exponent, format_money, format_unit_price, major, round_minor

CURRENCIES = st.sampled_from(["USD", "EUR", "JPY", "KRW", "KWD", "BHD", "ISK", "UGX", "RSD"])
AMOUNTS = st.decimals(min_value=0, max_value=10**12, places=6)
STEPS = {"KWD": 10, "BHD": 10, "ISK": 100, "UGX": 100}


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [("USD", 2), ("JPY", 0), ("KWD", 3), ("CLP", 0), ("ISK", 2), ("UGX", 2), ("RSD", 2)],
)
def test_minor_units_are_those_that_stripe_charges(currency, decimals):
    assert exponent(currency) == decimals


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("165.004999", "USD", 16500),
        ("165.005", "USD", 16501),
        ("0.015", "USD", 2),
        ("-0.005", "USD", -1),
        ("1499.5", "JPY", 1500),
        ("5.124", "KWD", 5120),
        ("5.125", "KWD", 5130),
        ("99.5", "ISK", 10000),
        ("99999999999999.995", "USD", 10000000000000000),
    ],
)
def test_amounts_round_half_away_from_zero_to_a_chargeable_step(amount, currency, minor):
    assert round_minor(Decimal(amount), currency) == minor


@given(amount=AMOUNTS, currency=CURRENCIES)
def test_rounding_moves_by_half_a_step_at_most_and_gives_an_integer(amount, currency):
    minor = round_minor(amount, currency)

    step = STEPS.get(currency, 1)
    assert type(minor) is int
    assert minor % step == 0
    assert abs(major(minor, currency) - amount) * 2 <= major(step, currency)


@given(minor=st.integers(-(10**15), 10**15), currency=CURRENCIES)
def test_minor_units_survive_conversion_to_major_and_back(minor, currency):
    minor -= minor % STEPS.get(currency, 1)

    assert round_minor(major(minor, currency), currency) == minor


@given(one=AMOUNTS, other=AMOUNTS, currency=CURRENCIES)
def test_more_money_never_rounds_to_less(one, other, currency):
    low, high = sorted([one, other])

    assert round_minor(low, currency) <= round_minor(high, currency)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (123450, "USD", "$1,234.50"),
        (-50, "USD", "-$0.50"),
        (1500, "JPY", "¥1,500"),
        (5120, "KWD", "KWD5.120"),
        (250000, "EUR", "€2,500.00"),
    ],
)
def test_formatted_money_has_every_decimal_of_the_currency(minor, currency, text):
    assert format_money(minor, currency).replace("\xa0", "") == text


def test_a_unit_price_shows_its_own_decimals():
    assert format_unit_price(Decimal("0.0125"), "USD") == "$0.0125"
    assert format_unit_price(Decimal("12.5000"), "USD") == "$12.50"
    assert format_unit_price(Decimal(12), "JPY") == "¥12"
