"""Validators for text that one person types and others read."""

import unicodedata

from django.core.exceptions import ValidationError

# They reorder the text that follows: "invoice_fdp.exe" then reads as "invoice_exe.pdf".
_DIRECTION_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


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
