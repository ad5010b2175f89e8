"""The backend without a pooler in between: a connection through a pooler is refused when it opens.

A pooler that shares a session between clients changes its search path under them, and statements
then read and write another provider's rows without an error (docs/decisions/0008).
"""

from typing import Any

import psycopg
from django.db import OperationalError
from django_tenants.postgresql_backend import base

from core.postgresql.commits import CountedCommits
from core.servers import note_away, refuse_while_away

# PgBouncer's answer to the limits that each login brings.
_REFUSED_BY_POOLER = "unsupported startup parameter"
_SERVER = b"SELECT pg_catalog.pg_backend_pid(), host(inet_server_addr()), inet_server_port()"


class PoolerRefused(OperationalError):
    """An address leads through a connection pooler; the message says where PostgreSQL is."""


class DatabaseWrapper(CountedCommits, base.DatabaseWrapper):  # type: ignore[misc] # django-tenants has no types
    """As that of django-tenants. Raises `PoolerRefused` instead of opening a pooled connection."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> psycopg.Connection[Any]:
        """Open a connection; one round trip more. None is tried soon after one that failed."""
        place = f"{conn_params.get('host')}:{conn_params.get('port')}"
        refuse_while_away(place)
        try:
            connection: psycopg.Connection[Any] = super().get_new_connection(conn_params)
        except psycopg.OperationalError as error:
            if _REFUSED_BY_POOLER in str(error):
                raise _pooler_at(place, self.settings_dict.get("URL", "DATABASE_URL")) from error
            note_away(place)
            raise
        try:
            _refuse_pooler(connection, self.settings_dict.get("URL", "DATABASE_URL"))
        except BaseException:
            connection.close()
            raise
        return connection


def _refuse_pooler(connection: psycopg.Connection[Any], variable: str) -> None:
    """Compare the process that the login named with the one that answers.

    A pooler invents the process id that it tells at login; a plain TCP proxy passes on
    PostgreSQL's. Asked below Django, since no transaction may open.
    """
    answer = connection.pgconn.exec_(_SERVER)
    pid, host, port = (answer.get_value(0, column) for column in range(3))
    if pid is not None and int(pid) == connection.info.backend_pid:
        return
    at = f" at {host.decode()}:{port.decode()}" if host and port else ""
    raise _pooler_at(f"{connection.info.host}:{connection.info.port}", variable, direct=at)


def _pooler_at(place: str, variable: str, *, direct: str = "") -> PoolerRefused:
    return PoolerRefused(
        f"{variable} leads through a connection pooler ({place}), behind which a provider would "
        f"read another one's rows. Name PostgreSQL itself{direct} in it, or see DATABASE_POOLER."
    )
