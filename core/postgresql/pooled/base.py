"""The backend behind a pooler that gives each transaction another session (docs/decisions/0008).

The search path and the time limits travel with the statements: as the first ones of the same
message, which PostgreSQL carries out in one transaction. So there is nothing to remember after a
commit, a rollback or a reconnect, and no round trip more.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Self

import psycopg
from django.db import OperationalError
from django_tenants.postgresql_backend import base
from django_tenants.utils import quote_schema_name
from psycopg import sql
from psycopg.pq import ExecStatus, TransactionStatus

from core.postgresql.commits import CountedCommits

_UTC = ("UTC", "Etc/UTC")


class Unbound(RuntimeError):
    """A statement could not carry its search path, so it could read another provider's rows."""


class SessionsOfAnotherZone(OperationalError):
    """The sessions behind the pooler begin in another time zone; the message says what to set."""


class BoundCursor(psycopg.ClientCursor[Any]):
    """A cursor whose statements carry the search path of the connection that it was taken from.

    Raises `Unbound` when it was taken below Django, from the driver's connection.
    """

    bound_to: "DatabaseWrapper | None" = None

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        """Send the statement behind the settings that it needs, in one message."""
        first = self._first()
        text = "".join(f"{statement};" for statement in first)
        if params is not None:
            text = text.replace("%", "%%")
        super().execute(_joined(text, query) if first else query, params, **options)
        for _ in first:
            self.nextset()
        return self

    def executemany(self, query: Any, params_seq: Iterable[Any], **options: Any) -> None:
        """As that of psycopg, in a transaction; raises `Unbound` outside of one."""
        self._bind_transaction()
        super().executemany(query, params_seq, **options)

    def copy(self, *arguments: Any, **options: Any) -> Any:
        """As that of psycopg, in a transaction; raises `Unbound` outside of one."""
        self._bind_transaction()
        return super().copy(*arguments, **options)

    def stream(self, *_arguments: Any, **_options: Any) -> Iterator[Any]:
        """Refuse: its protocol takes one statement, and a transaction is not required for it."""
        raise Unbound("stream() can't carry a search path. Use execute().")

    def _first(self) -> list[str]:
        if self.bound_to is None:
            raise Unbound("Take cursors from Django's connection: this one has no search path.")
        return self.bound_to.first_statements()

    def _bind_transaction(self) -> None:
        if self.connection.autocommit:
            raise Unbound("COPY and executemany() can't carry a search path. Begin a transaction.")
        super().execute(";".join(self._first()))


class DatabaseWrapper(CountedCommits, base.DatabaseWrapper):  # type: ignore[misc] # django-tenants has no types
    """As that of django-tenants, for sessions that change with each transaction."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = [
            f"SET LOCAL {name} = '{value}'" for name, value in self.settings_dict["LIMITS"].items()
        ]

    def get_connection_params(self) -> dict[str, Any]:
        """Those of Django, with our cursor."""
        return {**super().get_connection_params(), "cursor_factory": BoundCursor}

    def create_cursor(self, name: str | None = None) -> Any:
        """A cursor with this connection's search path."""
        cursor = super().create_cursor(name)
        if name is None:
            cursor.bound_to = self
        return cursor

    def chunked_cursor(self) -> Any:
        """A cursor of the server in a transaction. Outside, one that reads all rows at once.

        A cursor that outlives its transaction would stay in another process's session.
        """
        if self.get_autocommit():
            return self.cursor()
        with self.cursor() as cursor:
            cursor.execute("SELECT")
        return super().chunked_cursor()

    def schema_editor(self, *_arguments: Any, **_options: Any) -> Any:
        """Refuse: migrations need `own_session` (core/postgresql/addresses.py)."""
        raise Unbound("Run migrations with migrate_providers, which uses DATABASE_DIRECT_URL.")

    def first_statements(self) -> list[str]:
        """What the next message begins with: the search path, and in a new transaction the limits.

        None in a transaction that failed: it refuses every statement but its rollback.
        """
        status = self.connection.pgconn.transaction_status
        if status == TransactionStatus.INERROR:
            return []
        path = ",".join(quote_schema_name(name) for name in self._get_cursor_search_paths())
        is_new = status == TransactionStatus.IDLE
        return [*(self._limits if is_new else ()), f"SET LOCAL search_path = {path}"]

    def is_usable(self) -> bool:
        """Whether the connection works; asked below the cursors, which carry more than needed."""
        if self.connection is None:
            return False
        try:
            answer = self.connection.pgconn.exec_(b"SELECT 1")
        except psycopg.Error:
            return False
        return bool(answer.status == ExecStatus.TUPLES_OK)

    def _handle_search_path(self, cursor: Any = None) -> None:
        """Nothing to set: it travels with the statement."""

    def _configure_connection(self, connection: psycopg.Connection[Any]) -> bool:
        """Check what Django would set in the session; returns that nothing was set."""
        zone = connection.info.parameter_status("TimeZone")
        if zone not in _UTC:
            raise SessionsOfAnotherZone(
                f"Sessions begin in the time zone {zone}. Run at PostgreSQL: "
                f"ALTER ROLE {connection.info.user} SET timezone = 'UTC'."
            )
        return False


def _joined(text: str, query: Any) -> Any:
    if isinstance(query, sql.Composable):
        return sql.SQL(text) + query
    return text.encode() + query if isinstance(query, bytes) else text + query
