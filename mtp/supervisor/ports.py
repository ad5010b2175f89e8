"""Free loopback ports, chosen once and remembered."""

import socket

LOOPBACK = "127.0.0.1"


def listening_socket(port: int) -> socket.socket | None:
    """A socket listening on the loopback port (0: any free one), or None where it is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen(512)
    except OSError:
        listener.close()
        return None
    return listener


def is_free(port: int) -> bool:
    """Whether a server of ours could listen on the loopback port now."""
    listener = listening_socket(port)
    if listener is None:
        return False
    listener.close()
    return True


def any_free_port() -> int:
    """A port that is free now; another process may take it before it is used."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def first_listening(start: int, *, tries: int = 200) -> tuple[socket.socket, int]:
    """A listening socket on `start` or the next free port above it.

    Raises OSError when none of `tries` ports is free.
    """
    for port in range(start, min(start + tries, 65536)):
        listener = listening_socket(port)
        if listener is not None:
            return listener, port
    text = f"no free port from {start} to {start + tries - 1}"
    raise OSError(text)
