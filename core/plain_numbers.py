"""Numbers that a person types: plain decimal notation in ASCII digits, in every form.

Python reads the digits of every script, exponents, underscores, NaN and infinity as numbers. A
person can't check a price that they can't read, so all of these are refused at the field.
"""

import re
from typing import Any

from django import forms
from django.db import models

_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_WHOLE = re.compile(r"-?[0-9]+", re.ASCII)
_GROUPED = re.compile(r"[0-9]+|[0-9]{1,3}(,[0-9]{3})+", re.ASCII)
# More than any limit of ours has, so that a limit's own message comes first.
MOST_CHARACTERS = 30

# Shorter than the largest bigint.
_DIGITS_OF_AN_ID = 18


def plain_id(text: str) -> int | None:
    """The number that a form sent for a row; None for any other text."""
    is_id = text.isascii() and text.isdigit() and len(text) <= _DIGITS_OF_AN_ID
    return int(text) if is_id else None


def typed_whole(text: str, *, smallest: int, largest: int) -> int | None:
    """The whole number that a person typed, with or without commas; None for any other text.

    Commas are between groups of three digits: a decimal comma is no number.
    """
    typed = text.strip()
    if len(typed) > MOST_CHARACTERS or not _GROUPED.fullmatch(typed):
        return None
    number = int(typed.replace(",", ""))
    return number if smallest <= number <= largest else None


def _plain(value: Any, pattern: re.Pattern[str], message: str) -> Any:
    if not isinstance(value, str):
        return value
    typed = value.strip()
    if typed and (len(typed) > MOST_CHARACTERS or not pattern.fullmatch(typed)):
        raise forms.ValidationError(message, code="invalid")
    return typed


class PlainDecimalField(forms.DecimalField):
    """A decimal number in ASCII digits, with a point before its decimals."""

    def to_python(self, value: Any) -> Any:
        """Refuse another notation before it is read."""
        message = "Enter a number in the digits 0 to 9, with a point before decimals."
        return super().to_python(_plain(value, _DECIMAL, message))


class PlainIntegerField(forms.IntegerField):
    """A whole number in ASCII digits."""

    def to_python(self, value: Any) -> Any:
        """Refuse another notation before it is read."""
        message = "Enter a whole number in the digits 0 to 9."
        return super().to_python(_plain(value, _WHOLE, message))


class PlainNumbersMixin:
    """An admin or inline in whose forms every number is plain."""

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Choose the plain field for a column of numbers."""
        if isinstance(db_field, models.DecimalField):
            kwargs.setdefault("form_class", PlainDecimalField)
        elif isinstance(db_field, models.IntegerField):
            kwargs.setdefault("form_class", PlainIntegerField)
        return super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc] # a mixin
