"""All that is kept of a provider, as hashes: what must not change, does not."""

import hashlib

from django.db import connection


def everything(schema):
    """A fingerprint of each table, of the provider's schema and the public one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%%I.%%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname IN (%s, 'public') ORDER BY 1",
            [schema],
        )
        tables = [name for (name,) in cursor.fetchall()]
        found = {}
        for name in tables:
            cursor.execute(f"SELECT t::text FROM {name} t ORDER BY 1")  # noqa: S608
            rows = "\n".join(row for (row,) in cursor.fetchall())
            found[name] = hashlib.sha256(rows.encode()).hexdigest()
        cursor.execute(
            "SELECT schemaname || sequencename, last_value FROM pg_sequences"
            " WHERE schemaname IN (%s, 'public')",
            [schema],
        )
        return found | dict(cursor.fetchall())
