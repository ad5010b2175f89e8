"""Figures of several processes: a real gunicorn and a real worker, with their log lines."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_server

import httpx
import pytest

from core.telemetry import slots
from mtp.celery import app
from tests.database_url import database_url
from tests.mtp.production_settings import COMPLETE, ROOT

TOKEN = "t" * 50
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


def free_port() -> int:
    with create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for(reached: Callable[[], bool], *, log: Path) -> None:
    until = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.05)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, headers=AUTHORIZED).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def running(tmp_path: Path, *arguments: str, **changed: str) -> Iterator[tuple[int, Path]]:
    """Run a process with production's settings on this test's database; its pid and its log."""
    log = tmp_path / "log"
    environment = {
        "PATH": os.environ["PATH"],
        **COMPLETE,
        "DATABASE_URL": database_url(),
        "REDIS_URL": os.environ["REDIS_URL"],
        "METRICS_TOKEN": TOKEN,
        "METRICS_DIR": str(tmp_path),
        **changed,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=environment,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process.pid, log
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def figure(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]


def kill_one_of(pid: int, *, log: Path) -> None:
    """Kill a child and wait for the one in its place."""
    victim, *_ = before = children(pid)
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: len(children(pid)) == len(before) and victim not in children(pid), log=log)


def test_one_web_process_shows_the_figures_of_all(committed: None, tmp_path: Path) -> None:
    """Counts of a killed process stay, and the process after it writes into the same files."""
    port = free_port()
    site = f"http://127.0.0.1:{port}"
    live = 'mtp_requests_total{method="GET",route="live",status="200"}'
    with running(tmp_path, "gunicorn", "mtp.wsgi", f"--bind=127.0.0.1:{port}") as (pid, log):
        wait_for(lambda: answers(f"{site}/live"), log=log)
        before = figure(httpx.get(f"{site}/metrics/", headers=AUTHORIZED).text, live)
        for _ in range(30):
            assert httpx.get(f"{site}/live").status_code == 200
        # Each connection may reach another process: both show the same sum.
        for _ in range(6):
            text = httpx.get(f"{site}/metrics/", headers=AUTHORIZED).text
            assert figure(text, live) == before + 30
        assert 'mtp_request_statements_bucket{le="1.0",route="live"}' in text
        assert "mtp_heartbeat_age_seconds" in text

        (directory,) = tmp_path.glob("mtp-metrics-*")
        files = sorted(path.name for path in directory.iterdir())
        for _ in range(3):
            kill_one_of(pid, log=log)
            wait_for(lambda: answers(f"{site}/live"), log=log)
        for _ in range(30):
            httpx.get(f"{site}/live")
        text = httpx.get(f"{site}/metrics/", headers=AUTHORIZED).text
        assert figure(text, live) >= before + 60
        assert sorted(path.name for path in directory.iterdir()) == files

        redirect = httpx.get(f"{site}/pay/WyJhYmMi:s1gned/", headers={"Host": "portal.example"})
        assert redirect.status_code == 301
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert any(line["logger"] == "gunicorn.error" for line in lines)
    (paid,) = [line for line in lines if line.get("status") == 301]
    assert paid["path"] == "/pay/[hidden]/"
    assert paid["request_id"] == redirect.headers["X-Request-ID"]
    assert "s1gned" not in log.read_text()
    assert list(tmp_path.glob("mtp-metrics-*")) == []


def test_a_worker_shows_the_figures_of_its_children(committed: None, tmp_path: Path) -> None:
    port = free_port()
    queue = "telemetry-of-a-test"
    arguments = ("celery", "-A", "mtp", "worker", "-Q", queue, "-c", "2", "--without-mingle")
    address = f"http://127.0.0.1:{port}/metrics"
    with running(tmp_path, *arguments, WORKER_METRICS_PORT=str(port)) as (_, log):
        wait_for(lambda: answers(address), log=log)
        assert httpx.get(address).status_code == 401
        for _ in range(8):
            app.send_task(
                "core.outbox.tasks.send_due",
                args=["psa"],
                queue=queue,
                headers={"mtp_request": "request-of-a-test"},
            )
        done = 'mtp_tasks_total{state="success",task="core.outbox.tasks.send_due"}'
        wait_for(lambda: figure(httpx.get(address, headers=AUTHORIZED).text, done) == 8, log=log)
        app.send_task(
            "core.outbox.tasks.send_due",
            args=["no lane"],
            queue=queue,
            headers={"mtp_request": "request-of-a-test"},
        )
        failed = 'mtp_tasks_total{state="failure",task="core.outbox.tasks.send_due"}'
        wait_for(lambda: figure(httpx.get(address, headers=AUTHORIZED).text, failed) == 1, log=log)
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    (error,) = [line for line in lines if line["level"] == "error"]
    assert error["task"] == "core.outbox.tasks.send_due"
    assert error["request_id"] == "request-of-a-test"
    assert re.fullmatch("[0-9a-f-]{36}", error["task_id"])


def test_slots_are_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "_taken", {})
    assert [slots.take(key) for key in (11, 12, 13)] == [0, 1, 2]
    slots.free(12)
    assert slots.take(14) == 1
    assert slots.take(15) == 3
