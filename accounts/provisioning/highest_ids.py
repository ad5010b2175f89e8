"""The highest ids of every provider's schema, kept in public for a restore."""

from django.db import connection

from core.servers import from_each_server

# One statement for all schemas: a sequence's last value is in the catalog, no table is opened.
_KEEP = """
    INSERT INTO accounts_highestid (provider_id, sequence, value)
    SELECT provider.id, sequencename, last_value
    FROM pg_sequences
    JOIN accounts_provider provider ON provider.schema_name = schemaname
    WHERE last_value IS NOT NULL
    ON CONFLICT (provider_id, sequence)
    DO UPDATE SET value = greatest(accounts_highestid.value, excluded.value)
    WHERE accounts_highestid.value < excluded.value
"""


def keep_highest_ids() -> int:
    """Keep the last value of every sequence of every provider; returns how many have risen."""
    return sum(from_each_server(_keep_here).values())


def _keep_here() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_KEEP)
        return int(cursor.rowcount)
