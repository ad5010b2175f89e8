"""PgBouncer in transaction mode on loopback, before the server of an address."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from mtp.supervisor.account import service_account
from mtp.supervisor.ports import any_free_port
from mtp.supervisor.processes import start_process, wait_until

PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin:/usr/local/sbin")
MISSING = "PgBouncer is not installed (apt-get install --no-install-recommends pgbouncer)."

_CONFIGURATION = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = plain
auth_file = {directory}/users
pool_mode = transaction
default_pool_size = {servers}
max_client_conn = 400
server_idle_timeout = 5
query_wait_timeout = 60
"""


@contextmanager
def pgbouncer(url: str, *, servers: int) -> Iterator[str]:
    """Start it with so many connections to the server; gives the address that leads through it."""
    parts, account, listen = urlsplit(url), service_account(), any_free_port()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        configuration = directory / "pgbouncer.ini"
        configuration.write_text(
            _CONFIGURATION.format(
                host=parts.hostname,
                port=parts.port or 5432,
                listen=listen,
                directory=directory,
                servers=servers,
            )
        )
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        (directory / "users").write_text(f'"{user}" "{password}"\n')
        for path in (directory, configuration, directory / "users"):
            account.own(path)
        with (directory / "log").open("wb") as log:
            process = start_process(
                [str(PROGRAM), str(configuration)],
                environment={},
                directory=directory,
                output=log,
                account=account,
            )
        try:
            ready = wait_until(lambda: _listens(listen), seconds=10)
            assert ready, (directory / "log").read_text()
            place = parts.netloc.rpartition("@")[0]
            yield urlunsplit(parts._replace(netloc=f"{place}@127.0.0.1:{listen}"))
        finally:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
