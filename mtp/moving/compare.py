"""Comparing a frozen schema with its copy on another server."""

from typing import Any

from django.db import transaction
from django_tenants.utils import tenant_context
from psycopg import sql

from accounts.models import Provider
from core.schema import connection
from core.servers import on_server
from mtp.moving.copy import tables
from mtp.moving.freeze import FUNCTION
from usage.ledger.verify import verify_ledger

# Names of everything in the schema; the trigger that freezes it does not count. No definitions: a
# condition that was dumped is written with other brackets than the one of a migration.
_PARTS = """
    SELECT 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = %(schema)s::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT 'constraint ' || c.relname || '.' || conname || ' ' || contype::text
    FROM pg_constraint JOIN pg_class c ON c.oid = conrelid
    WHERE connamespace = %(schema)s::regnamespace
    UNION ALL SELECT 'trigger ' || c.relname || '.' || tgname || ' ' || tgenabled::text
    FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
    WHERE c.relnamespace = %(schema)s::regnamespace AND NOT tgisinternal AND tgname <> %(freeze)s
    UNION ALL SELECT 'function ' || proname || ' ' || md5(prosrc) || coalesce(proconfig::text, '')
    FROM pg_proc WHERE pronamespace = %(schema)s::regnamespace AND proname <> %(freeze)s
    UNION ALL SELECT 'relation ' || relname || ' ' || relkind::text FROM pg_class
    WHERE relnamespace = %(schema)s::regnamespace
"""
_SEQUENCES = """
    SELECT sequencename::text, last_value FROM pg_sequences WHERE schemaname = %s ORDER BY 1
"""
# The sum does not depend on the order of rows.
_ROWS = "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM {} t"


def copy_sequences(*, provider: Provider, to: int) -> int:
    """Set the copy's sequences to the values of the frozen schema; returns how many have one.

    Replication does not carry them.
    """
    schema = provider.schema_name
    with on_server(provider.server), connection.cursor() as cursor:
        cursor.execute(_SEQUENCES, [schema])
        values = [row for row in cursor.fetchall() if row[1] is not None]
    with on_server(to), transaction.atomic(), connection.cursor() as cursor:
        for name, value in values:
            cursor.execute(
                "SELECT setval(%s, %s)", [sql.Identifier(schema, name).as_string(None), value]
            )
    return len(values)


def differences(*, provider: Provider, to: int) -> list[str]:
    """What differs between the frozen schema and its copy; every row is read on both servers."""
    schema = provider.schema_name
    with on_server(provider.server):
        here = _contents(schema)
    with on_server(to):
        there = _contents(schema)
        with tenant_context(provider):
            found = [f"ledger: {difference}" for difference in verify_ledger()]
    return found + [
        f"{name}: {here.get(name)} here, {there.get(name)} on server {to}"
        for name in sorted(here.keys() | there.keys())
        if here.get(name) != there.get(name)
    ]


def _contents(schema: str) -> dict[str, Any]:
    """The rows of each table, counted and hashed, the sequences, and the names of all parts."""
    contents: dict[str, Any] = {}
    with transaction.atomic(), connection.cursor() as cursor:
        # So that both servers write a definition in the same way.
        cursor.execute("SET LOCAL search_path = pg_catalog")
        for table in tables(schema):
            cursor.execute(sql.SQL(_ROWS).format(sql.Identifier(schema, table)))
            contents[f"rows of {table}"] = cursor.fetchone()
        cursor.execute(_SEQUENCES, [schema])
        contents |= {f"sequence {name}": value for name, value in cursor.fetchall()}
        cursor.execute(_PARTS, {"schema": f'"{schema}"', "freeze": FUNCTION})
        contents |= {part: True for (part,) in cursor.fetchall()}
        cursor.execute("SELECT set_config('search_path', 'public', true)")
    connection.set_schema_to_public()
    return contents
