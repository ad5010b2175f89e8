"""Ids that directories give to people: cleaned, and which kind of directory gave them. Pure."""

import re

from core.text import without_invisible

_KINDS = (
    ("guid", re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")),  # Microsoft Entra
    ("ad", re.compile(r"ad:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")),  # Active Directory
    ("okta", re.compile(r"00u[0-9A-Za-z]+")),
    ("google", re.compile(r"[0-9]{21}")),
    ("jumpcloud", re.compile(r"[0-9a-f]{24}")),
)
_GUID = re.compile(r"\{?([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})\}?", re.IGNORECASE)


def clean_external_id(text: str) -> str:
    """The id without blanks around it and invisible characters; a GUID in lower case, bare."""
    text = without_invisible(text).strip()
    guid = _GUID.fullmatch(text)
    return guid[1].lower() if guid else text


def directory_of(external_id: str) -> str:
    """The kind of directory that gives such ids, or an empty text for another system."""
    return next((name for name, shape in _KINDS if shape.fullmatch(external_id)), "")


def are_two_accounts(one: str | None, other: str | None) -> bool:
    """Whether two ids of one mailbox are two accounts: different ids of the same directory.

    Ids of different directories may belong to one person, who is in both.
    """
    return bool(one and other and one != other and directory_of(one) == directory_of(other))
