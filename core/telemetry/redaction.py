"""Secrets and links that let their reader in, taken out of whatever is logged or reported."""

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "[hidden]"
# Names of values that are hidden whole.
_SECRET_NAMES = re.compile(
    r"password|passwd|secret|token|authorization|cookie|credential|api[_-]?key|csrf|dsn",
    re.IGNORECASE,
)
_SECRETS = (
    # Links that sign their reader in, or let them pay.
    re.compile(r"(?<=/pay/)[^/\s\"'<>?]+"),
    re.compile(r"(?<=/invitation/)[^/\s\"'<>?]+"),
    re.compile(r"(?<=/password/reset/key/)[^/\s\"'<>?]+"),
    # Keys of Stripe and signing secrets.
    re.compile(r"\b(?:sk|rk|whsec)_(?:live_|test_)?[A-Za-z0-9_]{3,}"),
    # Client secrets of intents.
    re.compile(r"(?<=_secret_)[A-Za-z0-9]+"),
    # The password of an address.
    re.compile(r"(?<=://)[^/\s@:\"']*:[^/\s@\"']+(?=@)"),
    re.compile(r"(?i)(?<=\bbearer )\S+"),
    re.compile(r"(?i)(?<=\bbasic )[A-Za-z0-9+/=]{8,}"),
)


def redacted(value: Any) -> Any:
    """The same text, mapping or sequence without secrets."""
    if isinstance(value, str):
        for secret in _SECRETS:
            value = secret.sub(HIDDEN, value)
        return value
    if isinstance(value, Mapping):
        return {
            name: HIDDEN
            if isinstance(name, str) and _SECRET_NAMES.search(name) and each
            else redacted(each)
            for name, each in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [redacted(each) for each in value]
    return value
