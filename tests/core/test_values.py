"""The filters show models' values in the provider's locale, times in its billing zone."""

from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.template import engines
from jinja2 import UndefinedError

from accounts.models import Provider
from core.schema import provider_schema
from core.templating.values import DAYS, INSTANTS, plural, quantity

REQUEST = SimpleNamespace(provider=SimpleNamespace(billing_time_zone="America/Denver"))
# In Denver this is still the evening of 31 August.
AT = datetime(2026, 9, 1, 4, 5, 6, tzinfo=UTC)


def shown(text: str, **context: Any) -> str:
    return engines["jinja2"].env.from_string(text).render({"request": REQUEST, **context})


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("short", "1 Sep 2026"),
        ("long", "1 September 2026"),
        ("month", "September 2026"),
        ("short_month", "Sep 2026"),
        ("month_name", "September"),
        ("short_month_name", "Sep"),
        ("year", "2026"),
    ],
)
def test_a_date_is_shown_in_each_style(style: str, expected: str) -> None:
    assert shown("{{ value|day(style) }}", value=date(2026, 9, 1), style=style) == expected


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("short", "31 Aug 2026, 22:05"),
        ("long", "31 August 2026, 22:05"),
        ("short_seconds", "31 Aug 2026, 22:05:06"),
        ("long_seconds", "31 August 2026, 22:05:06"),
        ("without_year", "31 Aug, 22:05"),
        ("exact", "31 Aug 2026, 22:05:06 MDT"),
    ],
)
def test_an_instant_is_shown_in_the_billing_zone_of_the_provider(style: str, expected: str) -> None:
    assert shown("{{ value|instant(style) }}", value=AT, style=style) == expected


def test_the_day_of_an_instant_is_that_of_the_billing_zone() -> None:
    assert shown("{{ value|day }}", value=AT) == "31 Aug 2026"


def test_a_named_zone_is_taken_instead() -> None:
    text = '{{ value|instant(zone="Asia/Tokyo") }} {{ value|day(zone="Asia/Tokyo") }}'
    assert shown(text, value=AT) == "1 Sep 2026, 13:05 1 Sep 2026"


def test_a_time_without_any_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        shown("{{ value|instant }}", value=AT, request=SimpleNamespace(provider=None))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (1234, "1,234"),
        (-1234567, "-1,234,567"),
        (Decimal("1234.5"), "1,234.5"),
        (Decimal("0.0125"), "0.0125"),
        (Decimal(1234), "1,234"),
    ],
)
def test_a_quantity_has_separators_and_every_decimal(value: int | Decimal, expected: str) -> None:
    assert quantity(value) == expected


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (Decimal("1234.0000"), "users", "1,234 users"),
        (Decimal("1.0000"), "users", "1 user"),
        (0, "users", "0 users"),
        (1, "MAU", "1 MAU"),
    ],
)
def test_a_quantity_with_a_unit_has_the_singular_for_one(
    value: int | Decimal, unit: str, expected: str
) -> None:
    assert quantity(value, unit) == expected


def test_money_has_every_decimal_of_its_currency() -> None:
    assert shown("{{ 123450|money('USD') }} {{ 1234|money('JPY') }}") == "$1,234.50 ¥1,234"


def test_plural_follows_a_count_or_the_size_of_a_collection() -> None:
    assert [plural(count) for count in (0, 1, 2)] == ["s", "", "s"]
    assert plural(["a"], "It stays", "They stay") == "It stays"
    assert plural(["a", "b"], "It stays", "They stay") == "They stay"


def test_a_name_that_is_not_there_raises() -> None:
    with pytest.raises(UndefinedError, match="'mispelt' is undefined"):
        shown("{% if mispelt %}{% endif %}")


def test_html_is_escaped_and_the_text_of_a_mail_is_not() -> None:
    assert shown("{{ value }}", value="<b>") == "&lt;b&gt;"
    is_escaped = engines["jinja2"].env.autoescape
    assert is_escaped("billing/mail/receipt.html")
    assert not is_escaped("billing/mail/receipt.txt")


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("en", "1 Sep 2026 | 31 Aug 2026, 22:05 | 1,234.5 | $1,234.50 | $0.0125"),
        ("en_US", "Sep 1, 2026 | Aug 31, 2026, 10:05 PM | 1,234.5 | $1,234.50 | $0.0125"),
        ("en_GB", "1 Sept 2026 | 31 Aug 2026, 22:05 | 1,234.5 | US$1,234.50 | US$0.0125"),
        ("en_ZA", "01 Sept 2026 | 31 Aug 2026, 22:05 | 1 234,5 | US$1 234,50 | US$0,0125"),
    ],
)
def test_values_are_shown_in_the_locale_of_the_provider(
    north: Provider, locale: str, expected: str
) -> None:
    north.locale = locale
    text = (
        "{{ day|day }} | {{ at|instant }} | {{ number|quantity }} | {{ 123450|money('USD') }}"
        " | {{ price|unit_price('USD') }}"
    )
    with provider_schema(north):
        html = shown(
            text, day=date(2026, 9, 1), at=AT, number=Decimal("1234.5"), price=Decimal("0.0125")
        )
    assert html.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ") == (
        expected
    )


def test_each_locale_to_choose_shows_every_style_of_a_day_and_an_instant(north: Provider) -> None:
    for locale in Provider.DisplayLocale.values:
        north.locale = locale
        with provider_schema(north):
            for style in DAYS:
                assert shown("{{ value|day(style) }}", value=date(2026, 9, 1), style=style)
            for style in INSTANTS:
                assert shown("{{ value|instant(style) }}", value=AT, style=style)
