"""Hashes of a provider's tables, for tests that nothing changes."""

import hashlib

from django.db import connection


def everything(schema):
    """The hash of each table and the value of each sequence, in this schema and in public."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%%I.%%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname IN (%s, 'public') ORDER BY 1",
            [schema],
        )
        tables = [name for (name,) in cursor.fetchall()]
        hashes = {}
        for name in tables:
            cursor.execute(f"SELECT t::text FROM {name} t ORDER BY 1")  # noqa: S608 - the names come from the catalog
            rows = "\n".join(row for (row,) in cursor.fetchall())
            hashes[name] = hashlib.sha256(rows.encode()).hexdigest()
        cursor.execute(
            "SELECT schemaname || sequencename, last_value FROM pg_sequences"
            " WHERE schemaname IN (%s, 'public')",
            [schema],
        )
        return hashes | dict(cursor.fetchall())
