"""Where the portal's clock is: a row of the database, which each process follows.

A process looks at its start, before each request and before each task, never in the middle of one.
PostgreSQL's own clock stays. The one thing that compares with it, the refusal of usage in the
future (MT006), reads the setting `mtp.clock` of the connection, which is moved along.
"""

from datetime import timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS, Error, connection, connections

from core.clock import ahead, set_ahead
from mtp.database_limits import CLOCK

READ = """
    SELECT ahead, set_config(%s, (clock_timestamp() + ahead)::text, false)
    FROM (SELECT ahead FROM public.operations_timetravel ORDER BY id DESC LIMIT 1) latest
"""
MOVE = "SELECT set_config(%s, (clock_timestamp() + %s)::text, false)"


def follow() -> None:
    """Move this process's clock, and its connection, to where the portal's is."""
    _read_on(connection)


def look() -> None:
    """As `follow`, on a separate connection, since a transaction may run on the usual one.

    Without a database, or before its first migration, the clock is that of the machine.
    """
    own = connections.create_connection(DEFAULT_DB_ALIAS)
    try:
        _read_on(own)
    except Error:
        set_ahead(timedelta(0))
    finally:
        own.close()


def bring_to(connection: Any) -> None:
    """Bring a connection to where the clock of this process is."""
    if ahead():
        with connection.cursor() as cursor:
            cursor.execute(MOVE, [CLOCK, ahead()])


def _read_on(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(READ, [CLOCK])
        row = cursor.fetchone()
    set_ahead(row[0] if row else timedelta(0))
