"""Periods and instants in documents: in the provider's locale, with the name of the zone."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from babel.dates import get_timezone_name

from billing.formatting import date_text
from core.templating.values import current_locale, instant_in_words


def period_text(starts_at: datetime, ends_at: datetime, zone: ZoneInfo) -> str:
    """A half-open period with its zone: "September 1–30, 2026 (Mountain Time)".

    In days if it begins and ends with one, else in instants.
    """
    start, end = starts_at.astimezone(zone), ends_at.astimezone(zone)
    if start.time() != time() or end.time() != time():
        return f"{instant_in_words(start)} to {instant_in_words(end)} ({zone_text(zone)})"
    first, last = start.date(), end.date() - timedelta(days=1)
    beginning, ending = date_text(first), date_text(last)
    if (first.year, first.month) != (last.year, last.month):
        days = f"{beginning} – {ending}"
    elif beginning[:1].isdigit():
        days = f"{first.day}–{ending}"
    else:
        days = ending.replace(f" {last.day},", f" {first.day}–{last.day},", 1)
    return f"{days} ({zone_text(zone)})"


def zone_text(zone: ZoneInfo) -> str:
    """The name of a zone for people: "Mountain Time"; its key where the zone has none."""
    name = str(get_timezone_name(zone, locale=current_locale()))
    return zone.key if name.startswith("Unknown") else name


def reached_text(at: datetime, zone: ZoneInfo) -> str:
    """An instant to the second, in the zone that the period names.

    In the hour that a change of the clocks repeats, its offset says which one it is.
    """
    local = at.astimezone(zone)
    text = instant_in_words(local)
    is_repeated = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return f"{text} UTC{local.isoformat()[-6:]}" if is_repeated else text
