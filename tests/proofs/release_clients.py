"""The clients of the release proof, and the proxy in front of the two web servers."""

import http.client
import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.utils import timezone

from core.mail import queue_mail
from core.schema import provider_schema
from tests.proofs.release_stage import Customer

# As deploy/nginx/nginx.conf.
CONNECT_SECONDS, READ_SECONDS, TRIES = 1.0, 60.0, 2
PAGES = ("/dashboard/", "/account/usage/", "/organizations/")
PAGES_FOR_EACH_ADDITION = 3
SHOWN = 10


class Unavailable(Exception):
    """The proxy would answer 502 or 503."""


@dataclass
class Proxy:
    """Sends each request as `deploy/nginx/nginx.conf` does.

    To the two web servers by turns, in a new connection. To the other one if it does not connect;
    after the request was sent, only if the method may be repeated.
    """

    ports: tuple[int, int]
    counts: Counter[str] = field(default_factory=Counter)
    turns: "itertools.count[int]" = field(default_factory=itertools.count)

    def ask(self, method: str, path: str, headers: dict[str, str], body: str = "") -> int:
        """The status of the answer. Raises `Unavailable`."""
        turn = next(self.turns)
        for attempt in range(TRIES):
            port = self.ports[(turn + attempt) % len(self.ports)]
            web = http.client.HTTPConnection("127.0.0.1", port, timeout=CONNECT_SECONDS)
            try:
                web.connect()
            except OSError:
                self.counts["connected_to_the_other"] += 1
                continue
            try:
                web.sock.settimeout(READ_SECONDS)
                web.request(method, path, body or None, {"Host": "127.0.0.1", **headers})
                answer = web.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                if method != "GET":
                    raise Unavailable(
                        f"{type(error).__name__} after the request was sent"
                    ) from error
                self.counts["repeated"] += 1
            else:
                return answer.status
            finally:
                web.close()
        raise Unavailable("no web server answers")


@dataclass
class Load:
    """Clients that ask at once until `stop`, and a sender of mails; what they saw.

    Each client waits `pause` seconds after an answer.
    """

    proxy: Proxy
    customers: Sequence[Customer]
    clients: int
    mails_per_second: float
    pause: float
    seed: int
    added: list[tuple[int, str]] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._be_a_client, args=(number,))
            for number in range(self.clients)
        ]
        self._threads.append(threading.Thread(target=self._send_mails))

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End after the answers to the requests under way."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _be_a_client(self, number: int) -> None:
        dice = random.Random(self.seed + number)
        for turn in itertools.count(1):
            if self._ended.wait(self.pause):
                return
            position = dice.randrange(len(self.customers))
            if turn % (PAGES_FOR_EACH_ADDITION + 1):
                self._open_a_page(self.customers[position], dice.choice(PAGES))
            else:
                self._add_a_user(position, f"user{turn}@client{number}.example")

    def _open_a_page(self, customer: Customer, path: str) -> None:
        self._ask("GET", path, {"Cookie": customer.cookie}, expected=200)

    def _add_a_user(self, position: int, email: str) -> None:
        customer = self.customers[position]
        path = f"/api/v1/organizations/{customer.organization_id}/users"
        headers = {"x-api-key": customer.key, "Content-Type": "application/json"}
        body = json.dumps({"email": email, "name": "User"})
        if self._ask("POST", path, headers, body, expected=201):
            self.added.append((position, email))

    def _ask(
        self, method: str, path: str, headers: dict[str, str], body: str = "", *, expected: int
    ) -> bool:
        self.counts["requests"] += 1
        try:
            status = self.proxy.ask(method, path, headers, body)
        except Unavailable as unavailable:
            self.failures.append(f"{method} {path}: {unavailable}")
            return False
        if status != expected:
            self.failures.append(f"{method} {path}: {status}")
        return status == expected

    def _send_mails(self) -> None:
        dice = random.Random(self.seed)
        try:
            while not self._ended.wait(1 / self.mails_per_second):
                subject = f"Mail {len(self.mails)} of the proof"
                now = timezone.now()
                with provider_schema(dice.choice(self.customers).provider), transaction.atomic():
                    queue_mail(key=subject, to=["a@x.example"], subject=subject, text="", now=now)
                self.mails.append(subject)
        finally:
            connection.close()


def seconds_pass(load: Load, seconds: float) -> None:
    """Let the load go on for so long."""
    before = load.counts["requests"]
    time.sleep(seconds)
    # At least an answer for each client, on a slow machine too.
    limit = time.monotonic() + READ_SECONDS
    while load.counts["requests"] < before + load.clients and time.monotonic() < limit:
        time.sleep(0.1)
