"""Secrets of API keys and invitations: shown or mailed once, and stored as hashes.

A secret has 256 random bits, so a SHA-256 without salt can't be reversed by guessing.
"""

import hashlib
import secrets

DIGEST_LENGTH = 64


def new_secret(*, start: str = "") -> str:
    """A random text of 256 bits, safe in a URL and a header."""
    return start + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """The SHA-256 of a secret in hexadecimal digits, which is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()
