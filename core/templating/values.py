"""The filters that show a value: dates, instants and quantities in the provider's locale.

Templates are given models' values, never texts: how a value looks is decided here.
"""

from collections.abc import Sized
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal
from django.utils import timezone
from jinja2 import pass_context
from jinja2.runtime import Context

# Every provider reads English today; dates have the day first, which no English of CLDR's with
# three letters for each month has: therefore patterns.
LOCALE = Locale("en")
DAYS = {
    "short": "d MMM y",
    "long": "d MMMM y",
    "month": "MMMM y",
    "short_month": "MMM y",
    "month_name": "MMMM",
    "short_month_name": "MMM",
    "year": "y",
}
INSTANTS = {
    "short": "d MMM y, HH:mm",
    "long": "d MMMM y, HH:mm",
    "short_seconds": "d MMM y, HH:mm:ss",
    "long_seconds": "d MMMM y, HH:mm:ss",
    "without_year": "d MMM, HH:mm",
    # With its UTC offset: "14 Oct 2026, 09:31:07 UTC+02:00".
    "exact": "d MMM y, HH:mm:ss 'UTC'xxx",
}

TWO_DIGITS = 10


def _zone(context: Context, named: str | ZoneInfo | None) -> ZoneInfo:
    """The named zone, or the billing zone of the request's provider.

    Raises `ValueError` where neither is known: a time without a zone says nothing.
    """
    if isinstance(named, ZoneInfo):
        return named
    request = context.get("request")
    provider = getattr(request, "provider", None)
    name = named or (provider.billing_time_zone if provider else None)
    if name is None:
        raise ValueError("A time is shown without a zone: name it, or render with a request.")
    return ZoneInfo(name)


@lru_cache(maxsize=1024)
def _day(value: date, pattern: str) -> str:
    return format_date(value, pattern, locale=LOCALE)


@pass_context
def day(
    context: Context, value: date, style: str = "short", zone: str | ZoneInfo | None = None
) -> str:
    """A calendar day, or the part of one that `style` (a key of `DAYS`) names: "5 Mar 2026".

    Of an aware datetime it is the day in `zone`, by default the provider's billing zone.
    """
    if isinstance(value, datetime):
        value = timezone.localtime(value, _zone(context, zone)).date()
    return _day(value, DAYS[style])


@pass_context
def instant(
    context: Context, value: datetime, style: str = "short", zone: str | ZoneInfo | None = None
) -> str:
    """An aware datetime in `zone`, by default the provider's billing zone: "5 Mar 2026, 14:03"."""
    local = timezone.localtime(value, _zone(context, zone))
    return format_datetime(local, INSTANTS[style], locale=LOCALE)


@lru_cache(maxsize=4096)
def quantity(value: int | Decimal, unit: str = "") -> str:
    """A number with thousands separators and every decimal that it has: "1,234".

    With its `unit`, which is given in the plural: "1,234 users", "1 user".
    """
    number: str = format_decimal(value, locale=LOCALE, decimal_quantization=False)
    if not unit:
        return number
    return f"{number} {unit.removesuffix('s') if value == 1 else unit}"


def plural(value: int | Sized, one: str = "", many: str = "s") -> str:
    """`one` for a count, or a collection, of exactly one; `many` for every other."""
    count: Any = len(value) if isinstance(value, Sized) else value
    return one if count == 1 else many


def signed(number: int, amount: str) -> str:
    """`amount`, the text of the number without its sign, with it: "+5"; a dash for 0."""
    if number == 0:
        return "\N{EN DASH}"
    return f"+{amount}" if number > 0 else f"\N{MINUS SIGN}{amount}"


def mean_error(value: float) -> str:
    """An average distance with one decimal below ten, and none from there on: "1.5", "1,234"."""
    return f"{value:,.1f}" if value < TWO_DIGITS else f"{value:,.0f}"
