"""How a document writes names, instants, dates and quantities."""

import unicodedata
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing.documents.typefaces import monospaced_characters, printable_characters

ELLIPSIS = "…"
MISSING = "\ufffd"
LONGEST_NAME = 120
# Letters of some scripts join by them; like all format characters they have no glyph of their own.
_JOINERS = "\u200c\u200d"
_MOST_MARKS = 3


def printable(text: str, *, longest: int = LONGEST_NAME) -> str:
    """The text as a document may show it: one line, no control or direction character.

    A character without a glyph in our fonts becomes U+FFFD, more than three marks on a letter are
    dropped, and what is longer than `longest` characters ends in an ellipsis.
    """
    if not (text.isascii() and text.isprintable()):
        text = _visible(unicodedata.normalize("NFC", text))
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1].rstrip() + ELLIPSIS


def _visible(text: str) -> str:
    shown: list[str] = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if character.isspace():
            shown.append(" ")
        elif character in _JOINERS:
            shown.append(character)
        elif category not in {"Cc", "Cf", "Cs"} and marks <= _MOST_MARKS:
            shown.append(character if character in printable_characters() else MISSING)
    return "".join(shown)


def is_monospaced(text: str) -> bool:
    """Whether the annex' font has every character, so that its width is its length."""
    return text.isascii() or monospaced_characters().issuperset(text)


def fitted(text: str, cells: int) -> str:
    """A monospaced text in exactly so many cells: filled with spaces, or cut with an ellipsis."""
    return text.ljust(cells) if len(text) <= cells else text[: cells - 1] + ELLIPSIS


def date_text(day: date) -> str:
    """A date nobody mistakes: 1 November 2026."""
    return f"{day.day} {day:%B %Y}"


def month_text(month: date) -> str:
    """A billing month: October 2026."""
    return f"{month:%B %Y}"


def instant_text(at: datetime, zone: ZoneInfo) -> str:
    """An instant in the billing zone with its offset: 14 Oct 2026, 09:31:07 UTC+02:00."""
    local = at.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M:%S} UTC{local.isoformat()[-6:]}"


def sortable_instant(at: datetime, zone: ZoneInfo) -> str:
    """The same for a column: 2026-10-14 09:31:07 +02:00."""
    local = at.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.isoformat()[-6:]}"


def quantity_text(quantity: Decimal, unit: str) -> str:
    """A quantity without idle decimals, with its unit: 1,234 users."""
    number = f"{quantity:,f}"
    number = number.rstrip("0").rstrip(".") if "." in number else number
    return f"{number} {unit.removesuffix('s') if number == '1' else unit}"
