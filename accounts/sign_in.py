"""Signing in by e-mail and password."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend


class EmailBackend(AuthenticationBackend):
    """allauth's, for e-mail addresses."""


class AccountAdapter(DefaultAccountAdapter):
    """No sign-up: logins are made by invitation."""

    def is_open_for_signup(self, request: object) -> bool:
        """Nobody signs up by oneself."""
        return False
