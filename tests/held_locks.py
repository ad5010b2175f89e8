"""Another client of the database that holds locks, and a line to the database that can break."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psycopg
from django.db import connection
from psycopg import sql

from accounts.models import Provider

LEDGER = "SELECT pg_advisory_xact_lock('usage_usageevent'::regclass::oid::bigint)"


@contextmanager
def other_client() -> Iterator[psycopg.Connection]:
    """Another session of the tests' database."""
    address = connection.settings_dict
    with psycopg.connect(
        host=address["HOST"],
        port=address["PORT"],
        user=address["USER"],
        password=address["PASSWORD"],
        dbname=address["NAME"],
    ) as client:
        yield client
        client.rollback()


@contextmanager
def held(provider: Provider, statement: str = LEDGER) -> Iterator[None]:
    """Hold what the statement locks in the provider's schema; by default the whole ledger."""
    with other_client() as client:
        client.execute(
            sql.SQL("SET LOCAL search_path TO {}, public").format(
                sql.Identifier(provider.schema_name)
            )
        )
        client.execute(statement)
        yield


@contextmanager
def impatient(**limits: str) -> Iterator[None]:
    """Limits of the test's connection, as `lock_timeout="100ms"`."""
    with connection.cursor() as cursor:
        for name, value in limits.items():
            cursor.execute("SELECT set_config(%s, %s, false)", [name, value])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for name in limits:
                cursor.execute(sql.SQL("RESET {}").format(sql.Identifier(name)))


@dataclass
class Line:
    """A TCP port that leads to a server until it is cut.

    With `cut_after`, a request with these bytes still reaches the server, and its answer is lost.
    """

    to: tuple[str, int]
    port: int
    cut_after: bytes = b""
    host: str = "127.0.0.1"
    _listener: socket.socket | None = None
    _open: list[socket.socket] = field(default_factory=list)

    def connect(self) -> None:
        """Accept connections, again after `cut`."""
        self._listener = socket.create_server((self.host, self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def cut(self) -> None:
        """Refuse connections and break those that are open."""
        if self._listener is not None:
            # Ends the thread's `accept`, which keeps a closed socket listening.
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(self.to)
                self._open += [near, far]
                for source, target in ((near, far), (far, near)):
                    copy = (source, target, self.cut_after if source is near else b"")
                    threading.Thread(target=_copy, args=copy, daemon=True).start()


def _copy(source: socket.socket, target: socket.socket, cut_after: bytes) -> None:
    with suppress(OSError):
        while content := source.recv(65536):
            if cut_after and cut_after in content:
                source.shutdown(socket.SHUT_RDWR)
                target.sendall(content)
                # The server works on it before it notices that its client is gone.
                time.sleep(0.5)
                break
            target.sendall(content)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@contextmanager
def line_to_database(*, cut_after: bytes = b"") -> Iterator[Line]:
    """A line to the server of the tests' database, connected."""
    address = connection.settings_dict
    line = Line(to=(address["HOST"], int(address["PORT"])), port=0, cut_after=cut_after)
    line.connect()
    try:
        yield line
    finally:
        line.cut()


@contextmanager
def connected_by(line: Line) -> Iterator[None]:
    """The test's connection leads through this line."""
    address = connection.settings_dict
    kept = {name: address[name] for name in ("HOST", "PORT")}
    connection.close()
    address |= {"HOST": "127.0.0.1", "PORT": line.port}
    try:
        yield
    finally:
        connection.close()
        address |= kept
