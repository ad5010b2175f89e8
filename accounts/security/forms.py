"""allauth's forms of factors with the portal's labels; a recovery code's use is reported."""

from typing import Any

from allauth.core import context
from allauth.mfa.base import forms as codes
from allauth.mfa.models import Authenticator
from allauth.mfa.totp import forms as apps
from allauth.mfa.webauthn import forms as passkeys
from django import forms

from accounts.security.events import CODE_USED, report
from core.fields import NameField

_CODE = {"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}


def _code(label: str, help_text: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        max_length=40,
        widget=forms.TextInput(attrs=_CODE),
    )


class ActivateAppForm(apps.ActivateTOTPForm):  # type: ignore[misc] # untyped base class
    """The first code of an authenticator app."""

    code = _code("Code", "The six digits that the app shows now.")


class _UsedCode:
    """Reports a recovery code that was used."""

    def save(self) -> None:
        """As allauth's."""
        super().save()  # type: ignore[misc] # a mixin
        used: Any = self
        if used.authenticator.type == Authenticator.Type.RECOVERY_CODES:
            report(CODE_USED, user=used.user, request=context.request)


class CodeForm(_UsedCode, codes.AuthenticateForm):  # type: ignore[misc] # untyped base class
    """The second step of signing in."""

    code = _code("Code", "Of your authenticator app, or one of your recovery codes.")


class ConfirmByCodeForm(_UsedCode, codes.ReauthenticateForm):  # type: ignore[misc] # untyped base class
    """A code that confirms who one is."""

    code = _code("Code", "Of your authenticator app, or one of your recovery codes.")


class AddPasskeyForm(passkeys.AddWebAuthnForm):  # type: ignore[misc] # untyped base class
    """A new passkey; its data come from the browser."""

    name = NameField(
        label="Name", required=False, help_text="To tell it from others: “Laptop”, “Blue key”."
    )
    passwordless = forms.BooleanField(
        label="Sign in without a password",
        required=False,
        initial=True,
        help_text="The passkey is then the only thing that you need: it asks for your finger, "
        "face or PIN itself.",
    )
