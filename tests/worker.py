"""A real Celery worker on the tests' Valkey, with a separate queue."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mtp.celery import app
from tests.database_url import database_url


@contextmanager
def worker(*, log: Path, modules: str = "") -> Iterator[str]:
    """Run a worker for the block, and yield the name of its queue."""
    queue = f"test-{uuid.uuid4().hex[:12]}"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "mtp.settings",
        "DATABASE_URL": database_url(),
    }
    arguments = ["-A", "mtp", "worker", "-Q", queue, "-c", "1", "-l", "INFO", "--without-mingle"]
    if modules:
        arguments += ["-I", modules]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", *arguments],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: b" ready." in log.read_bytes(), log=log, seconds=60)
        yield queue
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        with app.connection_for_write() as broker:
            broker.default_channel.queue_delete(queue)


def wait_until(condition: Callable[[], bool], *, log: Path, seconds: float = 20) -> None:
    """Wait until `condition` is true; raises AssertionError with the log after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(
                f"The condition is still false after {seconds} s:\n{log.read_text()}"
            )
        time.sleep(0.1)
