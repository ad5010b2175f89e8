"""Texts as a person searches them: without case, accents and look-alikes, domains in Unicode.

The function `search_text` of the schema `public` does the same in the database, where indexes of
trigrams hold its results (docs/decisions/0059). tests/core/test_search_text.py compares both.
"""

import unicodedata
from functools import cache

from django.db import models

from core.addresses import search_key
from core.names import look_alikes

# Letters that Unicode does not take apart into a letter and a mark; and the sigma at a word's end,
# which becomes what the other sigma looks like.
_LETTERS = {"ø": "o", "ł": "l", "đ": "d", "ς": "o"}
_MARKS = range(0x300, 0x370)
# Look-alikes behind these scripts (Latin, Greek, Cyrillic, Armenian) stay apart: with a longer list
# each comparison in the database would take as much longer.
_LAST_LETTER = 0x58F
_BACKSLASH, _ASCII_END = ord("\\"), 0x80
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"


def search_text(typed: str) -> str:
    """What was typed into a search box, as `search_text` of the database has it in its results."""
    return " ".join(folded(search_key(typed)).split())


def folded(text: str) -> str:
    """The text as the function of the database returns it: ASCII, to be compared only.

    Each byte of a letter that is like no ASCII letter is an x and three digits.
    """
    plain = unicodedata.normalize("NFKD", text).lower().translate(_letters())
    if plain.isascii():
        return plain
    return "".join(
        "xx" if byte == _BACKSLASH else chr(byte) if byte < _ASCII_END else f"x{byte:03o}"
        for byte in plain.encode()
    )


class SearchText(models.Func):
    """Columns, joined by a blank, as they are searched; the indexes have this expression too."""

    function = "public.search_text"
    arg_joiner = " || ' ' || "
    output_field = models.TextField()


@cache
def _letters() -> dict[int, str | None]:
    """What each letter becomes behind normalization and lower case; None is left out."""
    similar = {
        letter: plain
        for letter, plain in look_alikes().items()
        if letter <= _LAST_LETTER
        and unicodedata.normalize("NFKD", chr(letter)).lower() == chr(letter)
    }
    return {
        **similar,
        **{ord(letter): plain for letter, plain in _LETTERS.items()},
        **dict.fromkeys((*_MARKS, *map(ord, _INVISIBLE))),
    }
