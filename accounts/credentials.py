"""Secrets of API keys and invitations: shown or mailed once, and kept as hashes only.

At 256 random bits a plain SHA-256 can't be guessed back.
"""

import hashlib
import secrets

DIGEST_LENGTH = 64


def new_secret(*, start: str = "") -> str:
    """A random text of 256 bits, safe in a URL and a header."""
    return start + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is kept of a secret: its SHA-256 in hexadecimal digits."""
    return hashlib.sha256(secret.encode()).hexdigest()
