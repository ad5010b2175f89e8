"""Forms of signing in and of the profile."""

from typing import Any, ClassVar

from allauth.account import forms as allauth_forms
from django import forms
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from accounts.security.password_reset import ask_for_reset
from core.csv_files import DecimalMark, Separator
from core.fields import RecipientField


class SignInForm(allauth_forms.LoginForm):  # type: ignore[misc]
    """allauth's form with the portal's labels."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"] = RecipientField(label="E-mail")
        self.fields["login"].widget.attrs["autofocus"] = True
        self.fields["remember"].label = "Keep me signed in"


class PasswordResetForm(allauth_forms.ResetPasswordForm):  # type: ignore[misc]
    """allauth's form with the portal's labels."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"] = RecipientField(label="E-mail")

    def clean_email(self) -> str:
        """The address, which nothing here looks up."""
        address: str = self.cleaned_data["email"]
        return address

    def save(self, request: HttpRequest, **_: Any) -> str:  # noqa: ARG002 - allauth's signature
        """Have the link mailed, if the address has a login."""
        address: str = self.cleaned_data["email"]
        ask_for_reset(email=address, now=timezone.now())
        return address


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """The person's own name, as colleagues see it."""

    class Meta:
        model = User
        fields = ("name",)
        help_texts: ClassVar = {"name": "Shown to your colleagues and in the audit log."}


class CsvOptionsForm(forms.ModelForm):  # type: ignore[type-arg]
    """How a person gets CSV files."""

    class Meta:
        model = User
        fields = ("csv_separator", "csv_decimal_mark", "csv_encoding")
        widgets: ClassVar = dict.fromkeys(fields, forms.RadioSelect)
        help_texts: ClassVar = {
            "csv_separator": "Excel expects a semicolon where numbers have a decimal comma.",
            "csv_encoding": (
                "Windows-1252 has the letters of Western Europe only. A file with any other letter "
                "is refused with the letter’s name, so nothing is lost."
            ),
        }

    def clean(self) -> dict[str, Any]:
        """Refuse one sign for two purposes."""
        cleaned: dict[str, Any] = super().clean() or {}
        is_both = (
            cleaned.get("csv_separator") == Separator.COMMA
            and cleaned.get("csv_decimal_mark") == DecimalMark.COMMA
        )
        if is_both:
            self.add_error(
                "csv_separator",
                "A comma can’t separate cells and decimals: choose a semicolon or a tab.",
            )
        return cleaned
