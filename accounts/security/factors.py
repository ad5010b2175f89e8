"""Second factors and passkeys as allauth keeps them: names, texts, and secrets encrypted."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import segno
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef

from accounts.models import User
from core import encryption

PORTAL = "Multi-Tenant Portal"
# Recovery codes alone are no factor: they stand in for one that was lost.
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def has_factor() -> Exists:
    """Whether a login has a factor, as an expression in a query of logins."""
    return Exists(Authenticator.objects.filter(user_id=OuterRef("pk"), type__in=FACTORS))


def is_safe(user: User) -> bool:
    """Whether the login has a factor: read with the login of a request, else here, once."""
    if not hasattr(user, "has_factor"):
        user.has_factor = User.objects.filter(has_factor(), pk=user.pk).exists()
    return user.has_factor


@dataclass(frozen=True, slots=True)
class FactorSecret:
    """The stored secret of a factor, and whose it is."""

    factor: Authenticator
    name: str

    @property
    def token(self) -> str:
        """The secret as it is stored."""
        token: str = self.factor.data[self.name]
        return token

    @property
    def person(self) -> str:
        """The address of the login."""
        return str(self.factor.user)

    def replace(self, token: str) -> None:
        """Store the same secret in other words, unless the factor was changed meanwhile."""
        unchanged = Authenticator.objects.filter(pk=self.factor.pk, data=self.factor.data)
        unchanged.update(data={**self.factor.data, self.name: token})


def factor_secrets() -> Iterator[FactorSecret]:
    """Every stored secret of a factor: keys of apps, seeds of recovery codes."""
    for factor in Authenticator.objects.select_related("user").order_by("pk"):
        for name in ("secret", "seed"):
            if name in factor.data:
                yield FactorSecret(factor, name)


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc] # untyped base class
    """allauth's rules of factors, with the portal's name and encrypted secrets."""

    error_messages: ClassVar = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "This code is not right, or it was used already.",
        "cannot_generate_recovery_codes": "Set up an authenticator app or a passkey first.",
    }

    def get_totp_issuer(self) -> str:
        """The name that an authenticator app shows above the address."""
        return PORTAL

    def build_totp_svg(self, url: str) -> str:
        """The QR code of a new app's key, on white in the dark theme too: cameras need it."""
        drawn: str = segno.make(url).svg_inline(scale=4, light="white")
        return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)

    def _get_site_name(self) -> str:
        return PORTAL

    def encrypt(self, text: str) -> str:
        """A secret as it is stored."""
        return encryption.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """A stored secret. Raises `SecretsUnreadable`."""
        return encryption.decrypt(encrypted_text)

    def get_public_key_credential_user_entity(self, user: User) -> dict[str, Any]:
        """The person as the browser lists passkeys."""
        entity: dict[str, Any] = super().get_public_key_credential_user_entity(user)
        return {**entity, "display_name": user.name}

    def generate_authenticator_name(self, user: User, type: str) -> str:  # noqa: A002 - allauth's name
        """The suggested name of a new passkey."""
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return "Passkey" if number == 1 else f"Passkey {number}"
