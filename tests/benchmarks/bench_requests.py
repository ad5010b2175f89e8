"""The portal's web server under a mix of requests of 64 providers, against fixed goals.

Three pages to one addition by API: the usage page, the dashboard, the usage page sorted, and a user
added. Requests start at fixed instants, 100 a second, and are measured from then. The processor
time is that of the web server's processes and of PostgreSQL's, which run on this machine.
"""

import http.client
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
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psutil
from django.conf import settings
from django.db import connection

from accounts.models import Provider
from core.schema import provider_schema
from tenants.models import Organization
from tests.api_client import key_for
from tests.benchmarks.bench_pages import browser_in
from tests.benchmarks.busy_provider import busy_provider
from tests.benchmarks.result import Result

ROOT = Path(__file__).parents[2]
PROVIDERS = 64
EACH_SECOND = 100
CLIENTS = 16
WARM_SECONDS = 6
CPU_GOAL_MS, P95_GOAL_MS = 7, 300
USAGE, DASHBOARD = "/account/usage/", "/dashboard/"
PAGES = (USAGE, DASHBOARD, f"{USAGE}?sort=-users")


@dataclass(frozen=True)
class _Customer:
    """A provider whose administrator is signed in, and whose system has a key."""

    cookie: str
    key: str
    organization_id: int

    @classmethod
    def of(cls, provider: Provider) -> "_Customer":
        session = browser_in(provider).cookies[settings.SESSION_COOKIE_NAME].value
        with provider_schema(provider):
            organization = Organization.objects.filter(user_cap=None).earliest("pk")
        return cls(session, key_for(provider), organization.pk)


def run(*, full: bool) -> list[Result]:
    """Measure for 60 s if `full`, else for 12 s."""
    seconds = 60 if full else 12
    customers = [_Customer.of(busy_provider(f"MIX{number}")) for number in range(PROVIDERS)]
    connection.cursor().execute("ANALYZE")
    with _web_server() as (port, process):
        mix = _Mix(port, customers)
        mix.sent(WARM_SECONDS)
        before = _processor_seconds(process)
        times = mix.sent(seconds)
        spent = _processor_seconds(process) - before
    cpu = 1000 * spent / len(times)
    p95 = statistics.quantiles(times, n=20)[-1]
    return [
        Result(f"mix_cpu_of_a_request_to_{CPU_GOAL_MS}_ms", cpu, CPU_GOAL_MS, "ms", 1),
        Result(f"mix_p95_at_{EACH_SECOND}_a_second_to_{P95_GOAL_MS}_ms", p95, P95_GOAL_MS, "ms", 1),
    ]


class _Mix:
    """Sends the mix, each request of the next provider, over kept connections."""

    def __init__(self, port: int, customers: list[_Customer]) -> None:
        self._port = port
        self._customers = customers
        self._numbers = count()
        self._own = threading.local()

    def sent(self, seconds: int) -> list[float]:
        """The milliseconds of each request, from the instant at which it was due to its answer."""
        began = time.monotonic()

        def one(number: int) -> float:
            due = began + number / EACH_SECOND
            time.sleep(max(0.0, due - time.monotonic()))
            self._send()
            return 1000 * (time.monotonic() - due)

        with ThreadPoolExecutor(CLIENTS) as pool:
            return list(pool.map(one, range(seconds * EACH_SECOND)))

    def _send(self) -> None:
        number = next(self._numbers)
        round_, place = divmod(number, len(PAGES) + 1)
        # One further in each round, so that each provider gets each kind of request in turn.
        customer = self._customers[(number + round_) % len(self._customers)]
        if place < len(PAGES):
            self._exchange(
                "GET", PAGES[place], {"Cookie": f"sessionid={customer.cookie}"}, None, 200
            )
        else:
            path = f"/api/v1/organizations/{customer.organization_id}/users"
            body = f'{{"email": "user{number}@bench.example"}}'
            headers = {"x-api-key": customer.key, "Content-Type": "application/json"}
            self._exchange("POST", path, headers, body, 201)

    def _exchange(
        self, method: str, path: str, headers: dict[str, str], body: str | None, status: int
    ) -> None:
        """Raises RuntimeError at another status."""
        client = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = http.client.HTTPConnection("127.0.0.1", self._port)
        client.request(method, path, body, headers)
        response = client.getresponse()
        response.read()
        if response.status != status:
            raise RuntimeError(f"{method} {path}: {response.status}")


def _processor_seconds(web: psutil.Process) -> float:
    """Processor time until now of the web server's processes and of all of PostgreSQL's."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        postgres = psutil.Process(cursor.fetchone()[0]).parent()
    total = 0.0
    for server in (web, postgres):
        for process in (server, *server.children(recursive=True)):
            times = process.cpu_times()
            total += times.user + times.system
            if process is server:
                # Of processes that have ended.
                total += times.children_user + times.children_system
    return total


@contextmanager
def _web_server() -> Iterator[tuple[int, psutil.Process]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "mtp.wsgi", f"--bind=fd://{listener.fileno()}"],
            cwd=ROOT,
            # The menu's counts are kept as in production; the environment of tests keeps none.
            env={**os.environ, "API_REQUESTS_PER_MINUTE": "100000", "MENU_CACHE_SECONDS": "20"},
            pass_fds=(listener.fileno(),),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield listener.getsockname()[1], psutil.Process(server.pid)
        finally:
            server.terminate()
            server.wait(30)
