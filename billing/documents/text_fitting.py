"""Typed texts in documents: limited to the characters of our fonts and the width of a column."""

import unicodedata

from billing.documents.fonts import monospaced_characters, printable_characters

ELLIPSIS = "…"
MISSING = "\ufffd"
# They choose a form of the character before them, of which our fonts have one; none has a glyph.
_VARIANTS = frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
LONGEST_NAME = 120
# Some scripts need these to join letters; like all format characters they have no glyph.
_JOINERS = "\u200c\u200d"
_MOST_MARKS = 3


def printable(text: str, *, longest: int = LONGEST_NAME) -> str:
    """The text on one line, without control and direction characters.

    A character without a glyph in our fonts becomes U+FFFD, more than three marks on a letter are
    dropped, and a text of more than `longest` characters ends in an ellipsis.
    """
    if not (text.isascii() and text.isprintable()):
        text = _visible(unicodedata.normalize("NFC", text))
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1].rstrip() + ELLIPSIS


def _visible(text: str) -> str:
    visible: list[str] = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if character.isspace():
            visible.append(" ")
        elif character in _JOINERS:
            visible.append(character)
        elif (
            category not in {"Cc", "Cf", "Cs"}
            and character not in _VARIANTS
            and marks <= _MOST_MARKS
        ):
            visible.append(character if character in printable_characters() else MISSING)
    return "".join(visible)


def is_monospaced(text: str) -> bool:
    """Whether the annex's font has every character, so that the width is the length."""
    return text.isascii() or monospaced_characters().issuperset(text)


def fitted(text: str, cells: int) -> str:
    """A monospaced text of exactly `cells` cells: padded, or cut with an ellipsis."""
    return text.ljust(cells) if len(text) <= cells else text[: cells - 1] + ELLIPSIS
