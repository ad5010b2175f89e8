"""Text that one person types and others read: validators, and characters that can't be seen."""

import re
import unicodedata

from django.core.exceptions import ValidationError

# They reorder the text that follows: "invoice_fdp.exe" then reads as "invoice_exe.pdf".
_DIRECTION_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

# Joiners of letters, which Persian and the scripts of India need inside of words.
_JOINERS = "\u200c\u200d"
_NEEDLESS_JOINER = re.compile(rf"(?<![^\x00-\x7f])[{_JOINERS}]|[{_JOINERS}](?![^\x00-\x7f])")
# Blank letters and marks, which Unicode does not class as format characters.
_BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0"
    "\ufe00\ufe01\ufe02\ufe03\ufe04\ufe05\ufe06\ufe07"
    "\ufe08\ufe09\ufe0a\ufe0b\ufe0c\ufe0d\ufe0e\ufe0f"
)


def printable_line(text: str, *, longest: int) -> str:
    """The text without what can't be printed, cut, without spaces around it."""
    return "".join(filter(str.isprintable, text))[:longest].strip()


def without_invisible(text: str, *, keeps_joiners: bool = False) -> str:
    """The text without zero-width and other format characters; each kind of space becomes a space.

    With `keeps_joiners`, for showing a text: joiners between letters outside ASCII, variation
    selectors and direction overrides stay.
    """
    # No format character is printable, and no space but the usual one.
    if text.isprintable() and (text.isascii() or _BLANK.isdisjoint(text)):
        return text
    if keeps_joiners:
        text = _NEEDLESS_JOINER.sub("", text)
    kept = _DIRECTION_OVERRIDES | frozenset(_JOINERS) if keeps_joiners else frozenset[str]()
    return "".join(
        " " if character.isspace() else character
        for character in text
        if character in kept or not _is_invisible(character, is_shown=keeps_joiners)
    )


def _is_invisible(character: str, *, is_shown: bool) -> bool:
    if character.isascii():
        return False
    if character in _BLANK:
        return not (is_shown and character >= "\ufe00")
    return unicodedata.category(character) == "Cf"


def plain_text(value: str) -> None:
    """Refuse control characters, direction overrides, and text without a visible character.

    Letters of any script are allowed. Raises `ValidationError`.
    """
    for character in value:
        if character in _DIRECTION_OVERRIDES or unicodedata.category(character) == "Cc":
            raise ValidationError(
                "This contains characters that can't be seen (%(name)s). Type it again.",
                code="unseen_characters",
                params={"name": f"U+{ord(character):04X}"},
            )
    if value.strip() and not any(unicodedata.category(one)[0] in "LNPS" for one in value):
        raise ValidationError(
            "This contains nothing that can be seen. Type it again.", code="nothing_seen"
        )


def plain_lines(value: str) -> None:
    """`plain_text` for each line of a text of several lines."""
    for line in value.splitlines():
        plain_text(line)
