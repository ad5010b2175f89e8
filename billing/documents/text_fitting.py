"""Names as a document may show them: whatever was typed, in our fonts and in its columns."""

import unicodedata

from billing.documents.fonts import monospaced_characters, printable_characters

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
