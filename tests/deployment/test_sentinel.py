"""Redis with Sentinel by settings alone: workers and cache follow the master to its replica."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.sentinel import addresses, broker_url, master_name
from mtp import production
from mtp.supervisor.processes import wait_until
from tests.database_url import database_url
from tests.deployment.sentinels import NAME, Watched, watched_redis
from tests.mtp.production_settings import COMPLETE

MODULE = "tests.deployment.sentinel_probe"
QUEUE = "sentinel-test"


def test_the_broker_is_every_sentinel_with_what_the_url_says_of_redis() -> None:
    url = "redis://user:p%40ss@Portal/3"
    assert master_name(url) == "Portal"
    assert addresses(["a.example", "10.0.0.2:7000"]) == [("a.example", 26379), ("10.0.0.2", 7000)]
    assert broker_url(url, sentinels=["a:1", "b"]) == (
        "sentinel://user:p%40ss@a:1/3;sentinel://user:p%40ss@b:26379/3"
    )


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """A master, its replica and three sentinels."""
    with watched_redis(tmp_path) as running:
        yield running


@pytest.fixture
def start(
    watched: Watched,
    tmp_path: Path,
    db: None,
) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Start a process of the portal that finds Redis by the sentinels; stopped afterwards."""
    started = []
    environment = {
        **os.environ,
        **watched.environment,
        "DJANGO_SETTINGS_MODULE": "mtp.settings",
        "DATABASE_URL": database_url(),
    }

    def start(name: str, *arguments: str) -> "subprocess.Popen[bytes]":
        with (tmp_path / f"{name}.err").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def test_workers_and_cache_follow_the_master_to_its_replica(
    watched: Watched, start: Callable[..., "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    marks, stop = tmp_path / "marks", tmp_path / "stop"
    marks.touch()

    def done() -> set[int]:
        return {int(line) for line in marks.read_text().split()}

    queue = ["-Q", QUEUE, "-c", "1", "--without-mingle", "--without-gossip"]
    worker = start("worker", "celery", "-A", "mtp", "worker", "-I", MODULE, *queue)
    probe = start("probe", MODULE, QUEUE, str(marks), str(stop))
    assert wait_until(lambda: len(done()) > 5, seconds=60)

    killed_at = time.monotonic()
    watched.kill_master()
    assert wait_until(lambda: watched.master_port() == watched.ports[1], seconds=30)
    moved_at, before = time.monotonic(), len(done())
    assert wait_until(lambda: len(done()) > before + 10, seconds=60)
    time.sleep(6)  # The cache asks again after five seconds.
    stop.touch()
    seen = json.loads(probe.communicate(timeout=30)[0])

    after = {number for at, number in seen["sent"] if at > moved_at + 5}
    assert after
    assert wait_until(lambda: after <= done(), seconds=30)
    assert worker.poll() is None
    remembered = [(at, was) for at, was in seen["cached"]]
    assert not all(was for at, was in remembered if at > killed_at)
    assert all(was for at, was in remembered[-5:])


def test_doctor_and_probes_ask_the_sentinels(watched: Watched) -> None:
    script = (
        "import django; django.setup();"
        "from accounts.probes import _redis; from mtp.doctor.services import redis_server;"
        "print(_redis(), next(redis_server()).text)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **watched.environment, "DJANGO_SETTINGS_MODULE": "mtp.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("ok Version ")
    assert f"is the master {NAME}, replicas: 1" in done.stdout


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"REDIS_SENTINELS": "a:26379,b c"}, "REDIS_SENTINELS names 'b c'"),
        (
            {"REDIS_SENTINELS": "a:1", "REDIS_URL": "redis://:hunter2@127.0.0.1:6379/0"},
            "REDIS_URL must be redis://:password@NAME/0",
        ),
        (
            {"REDIS_SENTINELS": "a:1", "REDIS_URL": "rediss://:hunter2@mtp/0"},
            "REDIS_URL must be redis://:password@NAME/0",
        ),
    ],
)
def test_production_refuses_what_names_no_master(settings: dict[str, str], fault: str) -> None:
    found = production.faults(
        lambda name: {**COMPLETE, "REDIS_URL": "redis://mtp/0", **settings}.get(name, "")
    )
    assert len(found) == 1
    assert found[0].startswith(fault)
    assert "hunter2" not in found[0]


def test_production_takes_sentinels() -> None:
    settings = {**COMPLETE, "REDIS_SENTINELS": "a:26379, 10.0.0.2", "REDIS_URL": "redis://:p@mtp/0"}
    assert production.faults(lambda name: settings.get(name, "")) == []
