"""Form fields for e-mail addresses and names, which every form reads alike."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from core.addresses import (
    LONGEST_ADDRESS,
    NotAnAddress,
    can_receive_mail,
    clean_address,
    user_address,
)
from core.names import clean_name
from core.text import plain_text

# A text that holds an address, and what is copied along with it.
_LONGEST_TEXT = 2 * LONGEST_ADDRESS


def mail_recipient(text: str) -> str:
    """The clean address of a person who gets mail. Raises `ValidationError`."""
    try:
        address = clean_address(text)
    except NotAnAddress:
        raise ValidationError("Enter a valid email address.", code="invalid") from None
    if not can_receive_mail(address):
        raise ValidationError("No mail can be sent to this address.", code="no_mail")
    return address


class AddressField(forms.CharField):
    """An address that identifies a user, also one to which no mail can be sent."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput(attrs={"inputmode": "email", "autocapitalize": "none"})
        super().__init__(**{"max_length": _LONGEST_TEXT, "widget": widget, **options})

    def clean(self, value: Any) -> Any:
        """The clean address. Raises `ValidationError`."""
        typed = super().clean(value)
        if not typed:
            return typed
        try:
            return user_address(typed)
        except NotAnAddress:
            raise ValidationError("Enter a valid email address.", code="invalid") from None


class RecipientField(AddressField):
    """The address of a person who signs in or gets mail."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"widget": forms.EmailInput(attrs={"autocomplete": "email"}), **options})

    def clean(self, value: Any) -> Any:
        """The clean address. Raises `ValidationError`."""
        address = super().clean(value)
        return mail_recipient(address) if address else address


class NameField(forms.CharField):
    """A name of an organization or a person, without what can't be seen."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **{"max_length": 200, "validators": [plain_text], "label": "Name", **options}
        )

    def clean(self, value: Any) -> Any:
        """The clean name. Raises `ValidationError`."""
        return clean_name(super().clean(value))
