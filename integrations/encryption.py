"""Secrets at rest: encrypted with a key of the settings that can be rotated."""

import base64
import hashlib
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class SecretsUnreadable(Exception):
    """What is stored was encrypted with a key that is not among the present ones."""


def encrypt(text: str) -> str:
    """The text, readable only with the present keys."""
    return _keys().encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """What `encrypt` was given. Raises `SecretsUnreadable`."""
    try:
        return _keys().decrypt(token.encode()).decode()
    except InvalidToken:
        raise SecretsUnreadable(
            "The stored secrets were encrypted with a key that is no longer in ENCRYPTION_KEYS."
        ) from None


def rotate_encryption_keys(token: str) -> str:
    """The same secret under the first of the present keys. Raises `SecretsUnreadable`."""
    try:
        return _keys().rotate(token.encode()).decode()
    except InvalidToken:
        raise SecretsUnreadable(
            "Encrypted with a key that is no longer in ENCRYPTION_KEYS."
        ) from None


def _keys() -> MultiFernet:
    return _made_of(tuple(settings.ENCRYPTION_KEYS))


@cache
def _made_of(phrases: tuple[str, ...]) -> MultiFernet:
    # A phrase of any length becomes a key; its strength is that of the phrase.
    digests = [hashlib.sha256(b"mtp.encryption:" + phrase.encode()).digest() for phrase in phrases]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
