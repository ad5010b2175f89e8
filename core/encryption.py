"""Encryption of stored secrets with the keys in ENCRYPTION_KEYS, which can be rotated."""

import base64
import hashlib
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class SecretsUnreadable(Exception):
    """The stored secret was encrypted with a key that is not in ENCRYPTION_KEYS."""


def encrypt(text: str) -> str:
    """Encrypt a text with the first key."""
    return _keys().encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """The text that was encrypted. Raises `SecretsUnreadable`."""
    try:
        return _keys().decrypt(token.encode()).decode()
    except InvalidToken:
        raise SecretsUnreadable(
            "The stored secrets were encrypted with a key that is no longer in ENCRYPTION_KEYS."
        ) from None


def rotate_encryption_keys(token: str) -> str:
    """Encrypt the same secret with the first key. Raises `SecretsUnreadable`."""
    try:
        return _keys().rotate(token.encode()).decode()
    except InvalidToken:
        raise SecretsUnreadable(
            "Encrypted with a key that is no longer in ENCRYPTION_KEYS."
        ) from None


def key_position(token: str) -> int | None:
    """The position in ENCRYPTION_KEYS of a stored secret's key; None if no key reads it."""
    for position, phrase in enumerate(settings.ENCRYPTION_KEYS):
        try:
            _fernet((phrase,)).decrypt(token.encode())
        except InvalidToken:
            continue
        return position
    return None


def _keys() -> MultiFernet:
    return _fernet(tuple(settings.ENCRYPTION_KEYS))


@cache
def _fernet(phrases: tuple[str, ...]) -> MultiFernet:
    # A phrase of any length becomes a key as strong as the phrase.
    digests = [hashlib.sha256(b"mtp.encryption:" + phrase.encode()).digest() for phrase in phrases]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
