"""Forms of signing in and of the profile."""

from typing import Any, ClassVar

from allauth.account import forms as allauth_forms
from django import forms

from accounts.models import User
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


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """The person's own name, as colleagues see it."""

    class Meta:
        model = User
        fields = ("name",)
        help_texts: ClassVar = {"name": "Shown to your colleagues and in the audit log."}
