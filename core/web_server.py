"""How the web server stops and reloads: no request is lost, and no release is mixed with another.

`gunicorn.conf.py` applies it (docs/decisions/0040).
"""

import ctypes
import logging
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gunicorn.sock import TCPSocket
from gunicorn.workers.gthread import ThreadWorker

logger = logging.getLogger("gunicorn.error")

# Longer than a handshake between the proxy and this server.
HANDSHAKE_SECONDS = 0.3
LONGEST_DRAIN_SECONDS = 5.0
# Linux' numbers, which the module socket lacks.
_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
# A classic BPF program: drop a segment with SYN in the flags of its TCP header, pass all others.
_LOAD_BYTE, _JUMP_IF_SET, _RETURN = 0x30, 0x45, 0x06
_FLAGS_OFFSET, _SYN, _WHOLE = 13, 0x02, 0xFFFFFFFF
_DROP_SYN = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (_LOAD_BYTE, 0, 0, _FLAGS_OFFSET),
        (_JUMP_IF_SET, 0, 1, _SYN),
        (_RETURN, 0, 0, 0),
        (_RETURN, 0, 0, _WHOLE),
    )
)
# Where `struct tcp_info` of a listening socket has the connections that wait to be accepted.
_WAITING = struct.Struct("=24xI")


class Worker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """Closes its listening sockets when it stops to accept.

    gunicorn's own holds them until its last request ends. Connections would wait in them meanwhile
    and be reset.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accept connections, or stop it; for good once the worker stops."""
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            while self.sockets:
                self.sockets.pop().close()


def prepare(server: Any) -> None:
    """Let a gunicorn master refuse HUP, and drain its sockets before it stops."""
    for listener in _tcp(server):
        # A socket that was handed on, drained by a former server; most have no filter.
        with suppress(FileNotFoundError):
            listener.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
    server.handle_hup = _refuse_reload
    server.handle_term = _drained(server, server.handle_term)


def _refuse_reload() -> None:
    # The master keeps its modules; processes that it forks would read others from disk.
    logger.error(
        "HUP is refused: it would mix two releases. Stop this server and start another; "
        "docs/install.md has the steps of a new release."
    )


def _drained(server: Any, stop: Callable[[], None]) -> Callable[[], None]:
    """`stop`, after each connection that was begun is accepted and no other one can begin."""

    def drain_and_stop() -> None:
        # With another master (USR2) the sockets are shared, and it goes on.
        if server.reexec_pid == server.master_pid == 0:
            listeners = _tcp(server)
            for listener in listeners:
                _refuse_handshakes(listener)
            limit = time.monotonic() + LONGEST_DRAIN_SECONDS
            time.sleep(HANDSHAKE_SECONDS)
            while any(map(_waiting, listeners)) and time.monotonic() < limit:
                time.sleep(HANDSHAKE_SECONDS / 10)
        stop()

    return drain_and_stop


def _tcp(server: Any) -> list[socket.socket]:
    if sys.platform != "linux":
        return []
    return [one.sock for one in server.LISTENERS if isinstance(one, TCPSocket)]


def _refuse_handshakes(listener: socket.socket) -> None:
    """Begin no further connection; the proxy finds no answer and takes the other web server.

    A closed socket would reset the connections that wait in it, also of requests that were sent.
    """
    program = ctypes.create_string_buffer(_DROP_SYN, len(_DROP_SYN))
    instructions = len(_DROP_SYN) // struct.calcsize("HBBI")
    listener.setsockopt(
        socket.SOL_SOCKET,
        _SO_ATTACH_FILTER,
        struct.pack("HL", instructions, ctypes.addressof(program)),
    )


def _waiting(listener: socket.socket) -> int:
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _WAITING.size)
    return int(_WAITING.unpack(info)[0])
