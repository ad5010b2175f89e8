"""Validators for fields of accounts."""

import zoneinfo
from functools import cache

from babel.core import get_global
from django.core.exceptions import ValidationError

# PostgreSQL reads these names as abbreviations with a fixed offset, without daylight saving, or not
# at all: months would begin an hour apart there and in Python (docs/decisions/0004).
_OTHERWISE_IN_POSTGRESQL = {"CET", "EET", "MET", "WET", "localtime"}


@cache
def time_zone_names() -> frozenset[str]:
    """The names of the IANA time zone database that PostgreSQL reads alike."""
    return frozenset(zoneinfo.available_timezones() - _OTHERWISE_IN_POSTGRESQL)


def time_zone_name(value: str) -> None:
    """Refuse names that are not in `time_zone_names`. Raises ValidationError."""
    if value not in time_zone_names():
        raise ValidationError(
            "“%(name)s” is not a time zone. Use a name such as Europe/Berlin or UTC.",
            code="unknown_time_zone",
            params={"name": value},
        )


def currency_code(value: str) -> None:
    """Refuse codes that are not in ISO 4217. Raises ValidationError."""
    if value not in get_global("all_currencies"):
        raise ValidationError(
            "“%(code)s” is not a currency. Use its three-letter code, such as USD.",
            code="unknown_currency",
            params={"code": value},
        )
