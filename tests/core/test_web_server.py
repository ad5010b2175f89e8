"""The web server's end and reload: a real gunicorn with a small application."""

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_server

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPLICATION = """
import os, time

def application(environ, start_response):
    time.sleep(0.02)
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""
SETTINGS = """
import sys
sys.path.insert(0, {root!r})
from core.web_server import prepare as when_ready
worker_class = "core.web_server.Worker"
workers, threads, preload_app, control_socket_disable = 2, 2, True, True
"""
WORKERS, CLIENTS = 2, 16


@contextmanager
def server(directory: Path) -> Iterator[tuple["subprocess.Popen[bytes]", int, Path]]:
    """A gunicorn with the portal's worker and hook; its process, port and log."""
    (directory / "small.py").write_text(APPLICATION)
    (directory / "conf.py").write_text(SETTINGS.format(root=str(ROOT)))
    with create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    log = directory / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "small", "--config=conf.py"),
                f"--bind=127.0.0.1:{port}",
            ],
            cwd=directory,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        limit = time.monotonic() + 30
        while len(children(process.pid)) < WORKERS or ask(port) != "answered":
            assert time.monotonic() < limit, log.read_text()
            time.sleep(0.05)
        yield process, port, log
    finally:
        process.kill()
        process.wait()


def ask(port: int) -> str:
    """What happens to a POST: answered, not connected, or lost after it was sent."""
    web = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        web.connect()
    except OSError:
        return "not connected"
    try:
        web.sock.settimeout(30)
        web.request("POST", "/", b"body")
        web.getresponse().read()
    except (OSError, http.client.HTTPException):
        return "lost"
    finally:
        web.close()
    return "answered"


def test_no_request_is_lost_when_the_server_stops(tmp_path: Path) -> None:
    outcomes: Counter[str] = Counter()

    def be_a_client() -> None:
        while outcomes["not connected"] < CLIENTS:
            outcomes[ask(port)] += 1

    with server(tmp_path) as (process, port, log):
        clients = [threading.Thread(target=be_a_client) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()
        for client in clients:
            client.join()
    assert outcomes["answered"] > CLIENTS
    assert outcomes["lost"] == 0


def test_connections_that_wait_to_be_accepted_are_answered_too(tmp_path: Path) -> None:
    outcomes: list[str] = []
    with server(tmp_path) as (process, port, _):
        workers = [int(pid) for pid in children(process.pid)]
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        clients = [
            threading.Thread(target=lambda: outcomes.append(ask(port))) for _ in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        for client in clients:
            client.join()
    assert outcomes == ["answered"] * CLIENTS


def test_a_reload_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    with server(tmp_path) as (process, port, log):
        workers = children(process.pid)
        process.send_signal(signal.SIGHUP)
        limit = time.monotonic() + 30
        while "HUP is refused" not in log.read_text():
            assert time.monotonic() < limit
            time.sleep(0.05)
        assert ask(port) == "answered"
        assert children(process.pid) == workers


def test_a_socket_that_a_stopped_server_drained_works_for_the_next(tmp_path: Path) -> None:
    """The supervisor of `make up` holds one socket for all its web servers."""
    with create_server(("127.0.0.1", 0)) as listener:
        port, bind = int(listener.getsockname()[1]), f"--bind=fd://{listener.fileno()}"
        (tmp_path / "small.py").write_text(APPLICATION)
        (tmp_path / "conf.py").write_text(SETTINGS.format(root=str(ROOT)))
        for _ in range(2):
            process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "small", "--config=conf.py", bind],
                cwd=tmp_path,
                pass_fds=(listener.fileno(),),
            )
            try:
                limit = time.monotonic() + 30
                while ask(port) != "answered":
                    assert time.monotonic() < limit
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(30)


def children(pid: int) -> list[str]:
    """The pids of a process' children."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="filters sockets as Linux does")
