"""The portal's connections as behind a pooler, inside a process that has none."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from core.postgresql.addresses import DIRECT
from mtp.databases import databases

POOLED = "pooled"


@contextmanager
def extra_connections(addresses: dict[str, dict[str, Any]]) -> Iterator[None]:
    """Add these aliases to the connections until the block ends."""
    whole = {DEFAULT_DB_ALIAS: connections.settings[DEFAULT_DB_ALIAS], **addresses}
    connections.settings |= connections.configure_settings(whole)
    try:
        yield
    finally:
        for alias in addresses:
            connections[alias].close()
            del connections[alias], connections.settings[alias]


@contextmanager
def pooled_addresses(url: str, *, direct_url: str) -> Iterator[None]:
    """The aliases `POOLED` and that of own sessions; `leading_to(POOLED)` changes to the former."""
    named = databases(
        url,
        pooler="transaction",
        direct_url=direct_url,
        replica_url="",
        process="worker",
        clock="2999-12-31",
    )
    with extra_connections({POOLED: named[DEFAULT_DB_ALIAS], DIRECT: named[DIRECT]}):
        yield
