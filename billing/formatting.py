"""Texts of dates, instants and quantities on pages and in documents."""

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from core.templating.values import day_text


def date_text(day: date) -> str:
    """A date in full, in the provider's locale: 1 November 2026 or November 1, 2026."""
    return day_text(day, "long")


def short_date_text(day: date) -> str:
    """A date for a list, in the provider's locale: 1 Nov 2026 or Nov 1, 2026."""
    return day_text(day, "short")


def month_text(month: date) -> str:
    """A billing month: October 2026."""
    return f"{month:%B %Y}"


def instant_text(at: datetime, zone: ZoneInfo) -> str:
    """An instant in the billing zone with its offset: 14 Oct 2026, 09:31:07 UTC+02:00."""
    local = at.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M:%S} UTC{local.isoformat()[-6:]}"


def sortable_instant(at: datetime, zone: ZoneInfo) -> str:
    """An instant for a CSV column: 2026-10-14 09:31:07 +02:00."""
    local = at.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.isoformat()[-6:]}"


def quantity_text(quantity: Decimal, unit: str) -> str:
    """A quantity without trailing zeros, with its unit: 1,234 users."""
    number = f"{quantity:,f}"
    number = number.rstrip("0").rstrip(".") if "." in number else number
    return f"{number} {unit.removesuffix('s') if number == '1' else unit}"


def local_date(at: datetime, zone: ZoneInfo) -> date:
    """The date of an instant in a time zone."""
    return at.astimezone(zone).date()
