"""Settings of the web server, which `gunicorn mtp.wsgi` reads from the working directory."""

import os
from pathlib import Path
from typing import Any

from core.telemetry import logs, slots
from core.web_server import prepare as when_ready  # noqa: F401 - a hook

worker_class = "core.web_server.Worker"
workers = int(os.environ.get("WEB_PROCESSES") or 2)
threads = int(os.environ.get("WEB_THREADS") or 4)
# Seconds that requests under way get at a stop; docker-compose.yml waits for longer.
graceful_timeout = 30
# The portal logs a line for each request, without the links that let their reader in.
accesslog = None
logconfig_dict = logs.configuration(
    level=os.environ.get("LOG_LEVEL") or "INFO",
    as_json=(os.environ.get("MTP_ENVIRONMENT") or "production") == "production",
)
# Restart workers, because a connection keeps the catalog of every schema that it has used.
max_requests = 5_000
max_requests_jitter = 500
control_socket_disable = True
# A worker's sign of life for its master must not wait for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - memory
# Load the app once before forking: half the time to the first page, and shared memory.
preload_app = True

# Each worker counts into files of its slot; one of them shows the sum at /metrics/.
slots.begin()


def pre_fork(_server: Any, worker: Any) -> None:
    """Give the worker that is about to start a free slot."""
    worker.metrics_slot = slots.take(worker.age)


def post_fork(_server: Any, worker: Any) -> None:
    """Count in the worker's slot."""
    slots.enter(worker.metrics_slot)


def child_exit(_server: Any, worker: Any) -> None:
    """Free the slot of a worker that ended."""
    slots.free(worker.age)


def on_exit(_server: Any) -> None:
    """Remove the counters of this server."""
    slots.end()
