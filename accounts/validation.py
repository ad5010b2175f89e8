"""Validators for fields of accounts."""

import zoneinfo
from functools import cache

from babel.core import get_global
from django.core.exceptions import ValidationError


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def time_zone_name(value: str) -> None:
    """Refuse names that are not in the IANA time zone database. Raises ValidationError."""
    if value not in _time_zones():
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
