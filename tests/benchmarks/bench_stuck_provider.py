"""Adding a user by API while a transaction of another provider holds its locks, against before.

The web server is the portal's own, with two processes of four threads. Requests start at fixed
instants and are measured from then, so that one that waits for a thread counts as slow. The stuck
provider's eight clients add users too; they wait as long as Retry-After says.
"""

import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import httpx

from accounts.models import Provider
from core.schema import provider_schema
from tenants.models import MeteringPolicy, Organization
from tests.api_client import key_for
from tests.benchmarks.result import Result
from tests.held_locks import held
from tests.providers import open_provider

ROOT = Path(__file__).parents[2]
LIMIT = 2.0
EACH_SECOND = 10
CLIENTS = 8
WARM_SECONDS = 5


def run(*, full: bool) -> list[Result]:
    """Add users for 60 s before and during if `full`, else for 15 s."""
    seconds = 60 if full else 15
    free, stuck = _provider("FREE"), _provider("STUCK")
    with _web_server() as address:
        ours, theirs = _Adding(address, free), _Adding(address, stuck)
        ours.measured(WARM_SECONDS)
        before = ours.measured(seconds)
        with held(stuck), theirs.kept_up():
            during = ours.measured(seconds)
        if theirs.refused == 0 or theirs.added > 0:
            raise RuntimeError(f"Stuck: {theirs.refused} refused, {theirs.added} added.")
        if theirs.add() != httpx.codes.CREATED:
            raise RuntimeError("The provider that was stuck does not recover.")
    return [
        Result("add_user_p95_while_another_provider_is_stuck", during, before, "ms", LIMIT),
    ]


def _provider(prefix: str) -> Provider:
    provider = open_provider(canary=prefix, prefix=prefix)
    with provider_schema(provider):
        MeteringPolicy.objects.update(free_user_limit=None)
        Organization.objects.create(name="Acme")
    return provider


class _Adding:
    """Adds users to the provider's organization by API."""

    def __init__(self, address: str, provider: Provider) -> None:
        with provider_schema(provider):
            organization = Organization.objects.get()
        self._path = f"/api/v1/organizations/{organization.pk}/users"
        self._http = httpx.Client(
            base_url=address,
            headers={"x-api-key": key_for(provider)},
            timeout=60,
            limits=httpx.Limits(max_connections=100),
        )
        self._numbers = count()
        self.added = self.refused = 0

    def add(self) -> int:
        """Add a user; returns the status."""
        email = f"user{next(self._numbers)}@bench.example"
        answer = self._http.post(self._path, json={"email": email})
        self.added += answer.status_code == httpx.codes.CREATED
        self.refused += answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
        return answer.status_code

    def measured(self, seconds: int) -> float:
        """The 95th percentile of the milliseconds, at a fixed rate for so many seconds."""
        began = time.monotonic()

        def one(number: int) -> float:
            due = began + number / EACH_SECOND
            time.sleep(max(0.0, due - time.monotonic()))
            if (status := self.add()) != httpx.codes.CREATED:
                raise RuntimeError(f"A user was not added: {status}")
            return 1000 * (time.monotonic() - due)

        with ThreadPoolExecutor(50) as pool:
            times = list(pool.map(one, range(seconds * EACH_SECOND)))
        return statistics.quantiles(times, n=20)[-1]

    @contextmanager
    def kept_up(self) -> Iterator[None]:
        """Eight clients that add users, and wait as they are asked to."""
        ended = threading.Event()

        def keep_adding() -> None:
            while not ended.is_set():
                email = f"user{next(self._numbers)}@bench.example"
                answer = self._http.post(self._path, json={"email": email})
                self.added += answer.status_code == httpx.codes.CREATED
                self.refused += answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
                ended.wait(float(answer.headers.get("Retry-After", 0)))

        clients = [threading.Thread(target=keep_adding) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            ended.set()
            for client in clients:
                client.join()


@contextmanager
def _web_server() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "mtp.wsgi", f"--bind=fd://{listener.fileno()}"],
            cwd=ROOT,
            env={**os.environ, "LOG_LEVEL": "CRITICAL", "API_REQUESTS_PER_MINUTE": "100000"},
            pass_fds=(listener.fileno(),),
            stdout=subprocess.DEVNULL,
        )
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.terminate()
            server.wait(30)
