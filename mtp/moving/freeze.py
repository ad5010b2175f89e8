"""Refusing every change of a schema that has moved, or is about to.

A trigger on each table raises an error that Django takes for a database that is away: a request
gets 503, and a message or task is tried again later. Reading goes on, so that a request that is
under way ends.
"""

import time

from django.db import OperationalError, transaction
from psycopg import sql

from core.schema import connection
from mtp.moving.copy import MoveError, tables

FUNCTION = "refuse_after_move"
# A writer that we wait for may itself wait for us: we give way first, before deadlock_timeout.
LOCK_MILLISECONDS = 400
FREEZE_SECONDS = 30.0
PAUSE_SECONDS = 0.05

_FUNCTION = """
    CREATE OR REPLACE FUNCTION {} () RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'This provider is being moved to another server.'
            USING ERRCODE = 'cannot_connect_now';
    END $$
"""
_TRIGGER = """
    CREATE TRIGGER {name} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION {function} ()
"""


def freeze(schema: str) -> str:
    """Refuse all changes from now on; returns the position in the log that has all earlier ones.

    Creating the triggers waits for every transaction that has changed something. Raises
    `MoveError` if one takes too long.
    """
    deadline = time.monotonic() + FREEZE_SECONDS
    while True:
        try:
            with transaction.atomic():
                _create_triggers(schema)
            break
        except OperationalError as error:
            if time.monotonic() > deadline:
                raise MoveError(f"A transaction of {schema} does not end: {error}") from error
            time.sleep(PAUSE_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_flush_lsn()::text")
        return str(cursor.fetchone()[0])


def _create_triggers(schema: str) -> None:
    function = sql.Identifier(schema, FUNCTION)
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")
        cursor.execute(sql.SQL(_FUNCTION).format(function))
        for table in tables(schema):
            cursor.execute(
                sql.SQL(_TRIGGER).format(
                    name=sql.Identifier(FUNCTION),
                    table=sql.Identifier(schema, table),
                    function=function,
                )
            )


def is_frozen(schema: str) -> bool:
    """Whether the schema of this name on the entered server refuses changes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regproc(%s) IS NOT NULL", [f'"{schema}".{FUNCTION}'])
        return bool(cursor.fetchone()[0])


def thaw(schema: str) -> None:
    """Allow changes again."""
    if is_frozen(schema):
        with connection.cursor() as cursor:
            statement = sql.SQL("DROP FUNCTION {} () CASCADE")
            cursor.execute(statement.format(sql.Identifier(schema, FUNCTION)))
