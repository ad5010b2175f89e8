"""The embedded Valkey: broker and cache, on loopback with a password, keeping nothing on disk."""

import contextlib
import os
import socket
from pathlib import Path

from mtp.supervisor.account import Account
from mtp.supervisor.binaries import Binaries
from mtp.supervisor.process_group import ProcessGroup, Program


def _write_configuration(path: Path, *, port: int, password: str, account: Account) -> None:
    """The password goes into a file that only the account reads; arguments are public."""
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        f"dir {path.parent}",
        # Durable work lives in PostgreSQL; Valkey may be emptied at any instant.
        'save ""',
        "appendonly no",
    ]
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n")
    account.own(path)


def _answers(port: int, password: str) -> bool:
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=2) as connection,
    ):
        connection.sendall(f"AUTH {password}\r\nPING\r\nQUIT\r\n".encode())
        answer = b""
        while chunk := connection.recv(1024):
            answer += chunk
        return b"+PONG" in answer
    return False


def start_valkey(group: ProcessGroup, *, binaries: Binaries, account: Account) -> str:
    """Starts it and returns its REDIS_URL; raises Refused with its log."""
    state = group.state
    directory = state.directory / "valkey"
    directory.mkdir(mode=0o700, exist_ok=True)
    account.own(directory)
    port, password = state.port("valkey"), state.secret("valkey")
    configuration = directory / "valkey.conf"
    _write_configuration(configuration, port=port, password=password, account=account)
    group.start(
        Program(
            name="valkey",
            label="Valkey",
            arguments=[str(binaries.valkey_server), str(configuration)],
            environment={"PATH": os.environ.get("PATH", os.defpath)},
            directory=directory,
            is_ready=lambda: _answers(port, password),
            account=account,
            is_service=True,
        )
    )
    return f"redis://:{password}@127.0.0.1:{port}/0"
