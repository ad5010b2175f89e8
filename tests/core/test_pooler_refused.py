"""A connection through a pooler is refused; a plain proxy in front of PostgreSQL is none."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from core.postgresql.base import DatabaseWrapper, PoolerRefused

READY, KEY = b"Z", b"K"


class Proxy:
    """Forwards connections to PostgreSQL. A pooler tells the client another process id."""

    def __init__(self, target: tuple[str, int], *, is_pooler: bool) -> None:
        self._target, self._is_pooler = target, is_pooler
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._open += [client, server]
                for work in (lambda c=client, s=server: _pump(c, s), self._login(client, server)):
                    threading.Thread(target=work, daemon=True).start()

    def _login(self, client: socket.socket, server: socket.socket) -> Callable[[], None]:
        def work() -> None:
            with contextlib.suppress(OSError), server.makefile("rb", buffering=0) as stream:
                kind = b""
                while kind != READY:
                    kind = _read(stream, 1)
                    length = _read(stream, 4)
                    body = _read(stream, struct.unpack("!I", length)[0] - 4)
                    if kind == KEY and self._is_pooler:
                        pid = struct.unpack("!I", body[:4])[0]
                        body = struct.pack("!I", pid ^ 0x1234) + body[4:]
                    client.sendall(kind + length + body)
                _pump(server, client)

        return work


def _read(stream: Any, count: int) -> bytes:
    data = b""
    while len(data) < count:
        if not (part := stream.read(count - len(data))):
            raise OSError("closed")
        data += part
    return data


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)


@pytest.fixture
def through(db: None) -> Iterator[Callable[..., BaseDatabaseWrapper]]:
    """`through(is_pooler=…)`: a database connection, not yet open, that goes through a proxy."""
    opened: list[Any] = []

    def through(*, is_pooler: bool) -> BaseDatabaseWrapper:
        settings = connection.settings_dict
        proxy = Proxy((settings["HOST"], int(settings["PORT"])), is_pooler=is_pooler)
        # A proxy reads no encrypted login.
        options = {**settings["OPTIONS"], "sslmode": "disable", "gssencmode": "disable"}
        wrapper = DatabaseWrapper(
            {**settings, "HOST": "127.0.0.1", "PORT": str(proxy.port), "OPTIONS": options}
        )
        opened.extend([wrapper, proxy])
        return wrapper

    yield through
    for each in opened:
        each.close()


def test_a_pooler_is_refused_with_the_address_of_postgresql(through: Any) -> None:
    pooled = through(is_pooler=True)
    with pytest.raises(PoolerRefused) as refusal, pooled.cursor():
        pass
    settings = connection.settings_dict
    assert f"Name PostgreSQL itself at 127.0.0.1:{settings['PORT']}" in str(refusal.value)
    assert "password" not in str(refusal.value)
    assert settings["PASSWORD"] not in str(refusal.value)
    assert pooled.connection is None


def test_a_pooler_that_refuses_the_limits_of_the_login_is_named_too() -> None:
    text = b"SFATAL\0C08P01\0Munsupported startup parameter in options: lock_timeout\0\0"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(4096)
                client.sendall(b"E" + struct.pack("!I", len(text) + 4) + text)

        threading.Thread(target=refuse, daemon=True).start()
        settings, port = connection.settings_dict, listener.getsockname()[1]
        options = {**settings["OPTIONS"], "sslmode": "disable", "gssencmode": "disable"}
        wrapper = DatabaseWrapper(
            {**settings, "HOST": "127.0.0.1", "PORT": str(port), "OPTIONS": options}
        )
        with pytest.raises(PoolerRefused, match=rf"\(127.0.0.1:{port}\), .* DATABASE_POOLER"):
            wrapper.connect()


def test_a_proxy_that_passes_everything_on_is_accepted(through: Any) -> None:
    with through(is_pooler=False).cursor() as cursor:
        cursor.execute("SELECT 6 * 7")
        assert cursor.fetchone() == (42,)


def test_every_connection_of_the_portal_is_checked() -> None:
    assert all(isinstance(each, DatabaseWrapper) for each in connections.all())
