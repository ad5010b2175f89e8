"""The other addresses of the database, beside that of DATABASE_URL, and how code changes to them.

Inside a block, the thread's default connection leads to the other address, bound to the same
provider: models, statements and transactions need no word of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.transaction import TransactionManagementError

DIRECT, REPLICA = "direct", "replica"


@contextmanager
def own_session() -> Iterator[None]:
    """Run the block with a session of PostgreSQL that no other process uses.

    For locks of a session, migrations, dumps and statements that no transaction may contain. Behind
    a pooler it is another connection, which is closed at the end; otherwise nothing changes. Raises
    `TransactionManagementError` in a transaction behind a pooler, which can't move to another
    connection.
    """
    if DIRECT not in connections or connections[DEFAULT_DB_ALIAS] is connections[DIRECT]:
        yield
        return
    if connections[DEFAULT_DB_ALIAS].in_atomic_block:
        raise TransactionManagementError(
            "This needs its own session (DATABASE_DIRECT_URL), and a transaction has begun."
        )
    try:
        with leading_to(DIRECT):
            yield
    finally:
        connections[DIRECT].close()


@contextmanager
def leading_to(alias: str) -> Iterator[None]:
    """Make the connection `alias` the thread's default one until the block ends."""
    before, other = (cast("Any", connections[name]) for name in (DEFAULT_DB_ALIAS, alias))
    # Routers and migrations know the default connection only. Its statements are counted. A test
    # database has another name than that of the settings.
    other.alias, other.execute_wrappers = DEFAULT_DB_ALIAS, before.execute_wrappers
    other.settings_dict["NAME"] = before.settings_dict["NAME"]
    other.set_tenant(before.tenant, include_public=before.include_public_schema)
    connections[DEFAULT_DB_ALIAS] = other
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS] = before
