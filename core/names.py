"""Names of organizations and people: cleaned, and compared as a reader sees them.

docs/decisions/0049.
"""

import json
import unicodedata
from functools import cache
from importlib.resources import files

from core.text import without_invisible


def clean_name(text: str) -> str:
    """The name composed (NFC), with single spaces, and without invisible characters.

    Line breaks, tabs and every kind of space become one space. Joiners between letters of scripts
    that need them stay, and so do control characters and direction overrides, which `plain_text`
    refuses.
    """
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    seen = without_invisible(text, keeps_joiners=True)
    return " ".join(unicodedata.normalize("NFC", seen).split())


def name_key(text: str) -> str:
    """The same text for names that look the same: case, width, composition, spaces, look-alikes.

    A letter of another script counts as the ASCII letter that it is confusable with, in lower or
    upper case (Unicode UTS 39): Cyrillic letters that read "Acme" have the key "acme". For
    comparing only.
    """
    plain = " ".join(without_invisible(unicodedata.normalize("NFKC", text)).casefold().split())
    if plain.isascii():
        return plain
    return unicodedata.normalize("NFC", plain).translate(look_alikes())


def reads_like(search: str, name: str) -> bool:
    """Whether a name contains what was typed into a search box, in any spelling that looks so."""
    return not search or name_key(search) in name_key(name)


@cache
def look_alikes() -> dict[int, str]:
    """The ASCII letter or digit, in lower case, for each lower-case letter that looks like one."""
    source = files("confusable_homoglyphs").joinpath("confusables.json")
    similar: dict[str, list[dict[str, str]]] = json.loads(source.read_text(encoding="utf-8"))
    plain = {
        letter: one["c"].lower()
        for letter, others in similar.items()
        if len(letter) == 1 and not letter.isascii() and letter.isalpha()
        for one in others
        if len(one["c"]) == 1 and one["c"].isascii() and one["c"].isalnum()
    }
    # Many letters look like a Latin one in upper case only, such as the Cyrillic V: like a B.
    by_upper = {
        letter.lower(): similar_to
        for letter, similar_to in plain.items()
        if len(letter.lower()) == 1 and not letter.lower().isascii()
    }
    return {ord(letter): to for letter, to in {**by_upper, **plain}.items()}
