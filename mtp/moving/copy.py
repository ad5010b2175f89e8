"""The copy of a provider's schema on another server: made and kept up by logical replication.

PostgreSQL applies replicated rows without firing triggers and without checking foreign keys, so
nothing is counted a second time.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.db import transaction
from psycopg import sql
from psycopg.conninfo import make_conninfo

from accounts.models import Provider
from accounts.provisioning.schema_migrations import schema_exists
from accounts.provisioning.server_links import address_of, link_name
from core.schema import connection
from core.servers import on_server
from mtp.backups.dump import run_tool

MARK = "A copy that is being made for a move."

_TABLES = """
    SELECT c.relname, c.relreplident = 'd' AND NOT EXISTS (
        SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
    FROM pg_class c WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'r' ORDER BY c.relname
"""


class MoveError(Exception):
    """The provider is not moved, and works where it was; the message says why."""


def tables(schema: str) -> list[str]:
    """The tables of a schema on the entered server. Raises `MoveError` for one without a key."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLES, [f'"{schema}"'])
        rows = cursor.fetchall()
    if without := [name for name, has_no_key in rows if has_no_key]:
        raise MoveError(f"Without a primary key nothing is replicated: {', '.join(without)}.")
    return [name for name, _ in rows]


def start_copy(*, provider: Provider, to: int) -> None:
    """Copy the schema to the server `to`, and follow its changes; returns once all rows are there.

    A slot keeps every change from the instant of the copy on; the provider works meanwhile. The
    copy gets its triggers after its rows, and its mark before everything else, so that a killed
    copy is known as one. Raises `BackupError` and the database's errors.
    """
    schema = provider.schema_name
    name = link_name(_publication(schema), to)
    with on_server(provider.server), tempfile.TemporaryDirectory() as directory:
        listed = sql.SQL(", ").join(sql.Identifier(schema, table) for table in tables(schema))
        _execute("CREATE PUBLICATION {} FOR TABLE {}", sql.Identifier(_publication(schema)), listed)
        dump = Path(directory) / "schema.dump"
        with _slot(name, server=provider.server) as snapshot:
            run_tool(
                *("pg_dump", f"--schema={schema}", "--format=custom", "--no-owner"),
                *("--no-publications", "--no-subscriptions"),
                *(f"--snapshot={snapshot}", f"--file={dump}"),
            )
        with on_server(to):
            with transaction.atomic():
                _execute("CREATE SCHEMA {}", sql.Identifier(schema))
                _execute("COMMENT ON SCHEMA {} IS {}", sql.Identifier(schema), sql.Literal(MARK))
            run_tool(
                *("pg_restore", "--exit-on-error", "--single-transaction", "--no-owner"),
                *(f"--dbname={connection.settings_dict['NAME']}", f"--schema={schema}", str(dump)),
            )
            _execute(
                "CREATE SUBSCRIPTION {} CONNECTION {} PUBLICATION {}"
                " WITH (copy_data = false, create_slot = false, slot_name = {})",
                *(sql.Identifier(name), sql.Literal(address_of(provider.server))),
                *(sql.Identifier(_publication(schema)), sql.Literal(name)),
            )


@contextmanager
def _slot(name: str, *, server: int) -> Iterator[str]:
    """Create a slot of logical replication; yields its snapshot, which lasts for the block."""
    address = make_conninfo(address_of(server), replication="database")
    with psycopg.connect(address, autocommit=True) as replication:
        answer = replication.pgconn.exec_(
            f"CREATE_REPLICATION_SLOT {name} LOGICAL pgoutput (SNAPSHOT 'export')".encode()
        )
        snapshot = answer.get_value(0, 2)
        if snapshot is None:
            raise MoveError(f"No slot of replication: {answer.error_message.decode()}")
        yield snapshot.decode()


def has_caught_up(*, provider: Provider, to: int, position: str) -> bool:
    """Whether the copy has every change of its server up to this position in the log."""
    with on_server(provider.server), connection.cursor() as cursor:
        cursor.execute(
            "SELECT confirmed_flush_lsn >= %s::pg_lsn FROM pg_replication_slots"
            " WHERE slot_name = %s",
            [position, link_name(_publication(provider.schema_name), to)],
        )
        row = cursor.fetchone()
    return bool(row and row[0])


def stop_copy(*, provider: Provider, to: int) -> None:
    """Stop following, and drop what replicated it on both servers; the copy stays."""
    schema = provider.schema_name
    name = link_name(_publication(schema), to)
    with on_server(to):
        if _exists("pg_subscription", "subname", name):
            _execute("DROP SUBSCRIPTION {}", sql.Identifier(name))
    with on_server(provider.server):
        with connection.cursor() as cursor:
            # The session of a killed process may still make it.
            cursor.execute(
                "SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots"
                " WHERE slot_name = %s AND active_pid IS NOT NULL",
                [name],
            )
            cursor.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                " WHERE slot_name = %s",
                [name],
            )
        _execute("DROP PUBLICATION IF EXISTS {}", sql.Identifier(_publication(schema)))


def drop_copy(*, provider: Provider, to: int) -> None:
    """Drop a copy that is not in use. Raises `MoveError` for a schema that is none."""
    schema = provider.schema_name
    with on_server(to), transaction.atomic():
        if not schema_exists(schema=schema):
            return
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT obj_description(%s::regnamespace, 'pg_namespace')", [f'"{schema}"']
            )
            if cursor.fetchone()[0] != MARK:
                raise MoveError(f"Server {to} has a schema {schema} that no move made.")
        _execute("DROP SCHEMA {} CASCADE", sql.Identifier(schema))


def accept_copy(provider: Provider) -> None:
    """The copy is the provider's schema from now on: its server is the one that the row names."""
    with on_server(provider.server):
        _execute("COMMENT ON SCHEMA {} IS NULL", sql.Identifier(provider.schema_name))


def _publication(schema: str) -> str:
    return f"mtp_move_{schema}"


def _exists(catalog: str, column: str, name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {} = %s)").format(
                sql.Identifier(catalog), sql.Identifier(column)
            ),
            [name],
        )
        return bool(cursor.fetchone()[0])


def _execute(statement: Any, *parts: sql.Composable) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(*parts))
