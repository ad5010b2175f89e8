"""Texts for people: instants, durations, counts, and the way of an addition."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.contrib.humanize.templatetags import humanize

from core.templating.values import day_text
from tenants.users.membership import Via

_VIA_TEXTS = {
    Via.FORM.value: "by form",
    Via.IMPORT.value: "by import",
    Via.DEMO.value: "with the demonstration",
    Via.API.value: "through the API",
    "": "in a way that was not recorded",
}
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_SHOWN_UNITS = 2


def day_and_time(at: datetime, zone: ZoneInfo) -> str:
    """An instant in the billing zone, for a sentence: "3 March 2026 at 14:30"."""
    local = at.astimezone(zone)
    return f"{local.day} {local:%B %Y at %H:%M}"


def day_in_chart(day: date) -> str:
    """A day at the axis of a chart, in the provider's locale: "3 Jun", "Jun 3"."""
    return day_text(day, "without_year")


def exact_instant(at: datetime, zone: ZoneInfo) -> str:
    """An instant in the billing zone with the name of the zone: "3 Mar 2026, 14:30:05 CET"."""
    local = at.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M:%S %Z}"


def ordinal(number: int) -> str:
    """1st, 22nd, 1,013th."""
    return humanize.intcomma(humanize.ordinal(number))


def counted_noun(number: int, noun: str) -> str:
    """A number with its noun, given in the plural: 1 user, 1,234 users."""
    return f"{number:,} {noun.removesuffix('s') if number == 1 else noun}"


def via_text(via: str) -> str:
    """The way of an addition or report, to follow "added": "by form"."""
    return _VIA_TEXTS.get(via, f"by {via}")


def duration(length: timedelta) -> str:
    """The two largest units of a length: "2 days, 3 hours"; "less than a second" below one."""
    left = int(length.total_seconds())
    parts = []
    for seconds, unit in _UNITS:
        number, left = divmod(left, seconds)
        if number:
            parts.append(counted_noun(number, f"{unit}s"))
        elif parts:
            break
    return ", ".join(parts[:_SHOWN_UNITS]) or "less than a second"
