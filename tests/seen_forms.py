"""Forms that carry the token of what they show (docs/decisions/0033)."""

import re
from typing import Any

from django.test import Client

_SEEN = re.compile(r'name="seen" value="([0-9a-f]{32})"')


def seen_on(client: Client, address: str) -> str:
    """Open the page and return the token of its form."""
    page = client.get(address).content.decode()
    return _SEEN.findall(page)[0]


def send_seen(client: Client, address: str, fields: dict[str, Any]) -> Any:
    """Open the page, then send its form as it was opened."""
    return client.post(address, {**fields, "seen": seen_on(client, address)})
