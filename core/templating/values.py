"""The filters that show a value: dates, instants and quantities in the provider's locale.

Templates are given models' values, never texts: how a value looks is decided here.
"""

from collections.abc import Sized
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal
from django.utils import timezone
from jinja2 import pass_context
from jinja2.runtime import Context

from core.schema import connection

# The locale of a provider that chose none: English with the day first and three letters for each
# month, which CLDR has for no region. The patterns below are its formats.
DAY_FIRST = "en"
DAYS = {
    "short": "d MMM y",
    "long": "d MMMM y",
    "month": "MMMM y",
    "short_month": "MMM y",
    "month_name": "MMMM",
    "short_month_name": "MMM",
    "year": "y",
    "without_year": "d MMM",
}
# Of each style of an instant: the style of its day and of its time.
INSTANTS = {
    "short": ("short", "HH:mm"),
    "long": ("long", "HH:mm"),
    "short_seconds": ("short", "HH:mm:ss"),
    "long_seconds": ("long", "HH:mm:ss"),
    "without_year": ("without_year", "HH:mm"),
    # With the name of its zone, which `instant` adds: "14 Oct 2026, 09:31:07 CEST".
    "exact": ("short", "HH:mm:ss"),
}
# The names in CLDR of the formats of a region.
REGIONAL_DAYS = {"short": "medium", "long": "long"}
REGIONAL_TIMES = {"HH:mm": "short", "HH:mm:ss": "medium"}

TWO_DIGITS = 10
THOUSAND = 1_000


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


def current_locale() -> str:
    """The locale of the provider whose schema is entered; outside of one `DAY_FIRST`."""
    return str(getattr(connection.tenant, "locale", DAY_FIRST))


@cache
def _day_pattern(style: str, locale: str) -> str:
    if locale != DAY_FIRST:
        formats = Locale.parse(locale)
        if style in REGIONAL_DAYS:
            return str(formats.date_formats[REGIONAL_DAYS[style]].pattern)
        if style == "without_year":
            return str(formats.datetime_skeletons["MMMd"].pattern)
    return DAYS[style]


@cache
def _instant_pattern(style: str, locale: str) -> str:
    day_style, time = INSTANTS[style]
    if locale != DAY_FIRST and time in REGIONAL_TIMES:
        time = str(Locale.parse(locale).time_formats[REGIONAL_TIMES[time]].pattern)
    return f"{_day_pattern(day_style, locale)}, {time}"


@lru_cache(maxsize=1024)
def _day(value: date, style: str, locale: str) -> str:
    return format_date(value, _day_pattern(style, locale), locale=locale)


def day_text(value: date, style: str = "short") -> str:
    """A calendar day in the provider's locale; `style` is a key of `DAYS`."""
    return _day(value, style, current_locale())


@pass_context
def day(
    context: Context, value: date, style: str = "short", zone: str | ZoneInfo | None = None
) -> str:
    """A calendar day, or the part of one that `style` (a key of `DAYS`) names: "5 Mar 2026".

    Of an aware datetime it is the day in `zone`, by default the provider's billing zone.
    """
    if isinstance(value, datetime):
        value = timezone.localtime(value, _zone(context, zone)).date()
    return day_text(value, style)


@pass_context
def instant(
    context: Context, value: datetime, style: str = "short", zone: str | ZoneInfo | None = None
) -> str:
    """An aware datetime in `zone`, by default the provider's billing zone: "5 Mar 2026, 14:03"."""
    local = timezone.localtime(value, _zone(context, zone))
    locale = current_locale()
    shown = format_datetime(local, _instant_pattern(style, locale), locale=locale)
    return f"{shown} {local.tzname()}" if style == "exact" else shown


@lru_cache(maxsize=4096)
def _number(value: int | Decimal, locale: str) -> str:
    return str(format_decimal(value, locale=locale, decimal_quantization=False))


def instant_in_words(local: datetime) -> str:
    """A local instant to the second, in the provider's locale: "Sep 14, 2026, 9:31:07 AM"."""
    locale = current_locale()
    return format_datetime(local, _instant_pattern("short_seconds", locale), locale=locale)


def quantity(value: int | Decimal, unit: str = "") -> str:
    """A number with thousands separators and every decimal that it has: "1,234".

    With its `unit`, which is given in the plural: "1,234 users", "1 user".
    """
    # Up to there every locale writes a number alike, and most of a page's are so small.
    is_plain = isinstance(value, int) and 0 <= value < THOUSAND
    number = str(value) if is_plain else _number(value, current_locale())
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
