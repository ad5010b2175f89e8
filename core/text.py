"""Text that people type and others read: what it may contain."""

import unicodedata

from django.core.exceptions import ValidationError

# They reorder what follows: "invoice_fdp.exe" reads as "invoice_exe.pdf".
_DIRECTION_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain_text(value: str) -> None:
    """Refuse control characters, direction overrides, and what shows nothing at all.

    Any script's letters are welcome.
    """
    for character in value:
        if character in _DIRECTION_OVERRIDES or unicodedata.category(character) == "Cc":
            raise ValidationError(
                "This contains characters that can't be seen (%(name)s). Type it anew.",
                code="unseen_characters",
                params={"name": f"U+{ord(character):04X}"},
            )
    if value.strip() and not any(unicodedata.category(one)[0] in "LNPS" for one in value):
        raise ValidationError(
            "This contains nothing that can be seen. Type it anew.", code="nothing_seen"
        )


def plain_lines(value: str) -> None:
    """The same for a text of several lines."""
    for line in value.splitlines():
        plain_text(line)
