"""The Stripe stand-in as fixtures: one process per session, a separate account per test."""

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

# Random in each run; the stand-ins and workers that tests start inherit it.
CONTROL_KEY = {
    "Stand-In-Key": os.environ.setdefault("STANDIN_CONTROL_KEY", secrets.token_urlsafe(24))
}
ROOT = Path(__file__).resolve().parent.parent
FINE = "4242424242424242"
# Plain HTTP on the loopback: loading certificates would take longer than the calls.
HTTP = httpx.Client(timeout=30, verify=False)  # noqa: S501 - see above


@dataclass
class StripeStandIn:
    """A running stand-in, seen from one account. Keys with the same ending share an account."""

    url: str
    account: str = "mtp"

    @property
    def secret_key(self) -> str:
        return f"sk_test_{self.account}"

    @property
    def publishable_key(self) -> str:
        return f"pk_test_{self.account}"

    def client(self, key: str | None = None, *, retries: int = 0) -> stripe.StripeClient:
        """The real SDK with the stand-in's URL; it repeats failed requests `retries` times."""
        return stripe.StripeClient(
            key or self.secret_key,
            base_addresses={"api": self.url},
            max_network_retries=retries,
            http_client=stripe.RequestsClient(timeout=10),
        )

    def control(self, method: str, name: str, /, **arguments: Any) -> Any:
        """One call of the control API; fails the test if it is refused."""
        content = {"params": arguments} if method == "GET" else {"json": arguments}
        url = f"{self.url}/_control/{name}"
        answer = HTTP.request(method, url, headers=CONTROL_KEY, **content)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fault(self, kind: str, **properties: Any) -> None:
        """Switch a fault on, for one matching POST or for `times` of them."""
        self.control("POST", "faults", kind=kind, **properties)

    def charges(self, **filters: Any) -> Any:
        """Sums of matching charges: succeeded, failed, amount_charged, amount_refunded, charges."""
        return self.control("GET", "charges", account=self.account, **filters)

    def calm(self) -> None:
        """Reset faults, webhook deliveries and the clock; objects and keys stay."""
        self.control("DELETE", "faults")
        self.control("POST", "clock", shift_seconds=0)
        self.control("POST", "payments/hold", times=0)
        self.control("POST", "webhook", url="", secret="", held=False, copies=1, shuffle=False)

    def card(self, number: str = FINE, **changes: Any) -> stripe.PaymentMethod:
        """A card entered in a browser, not attached to anyone."""
        card = {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123", **changes}
        if number.startswith(("34", "37")) and "cvc" not in changes:
            card["cvc"] = "1234"
        browser = self.client(self.publishable_key)
        return browser.v1.payment_methods.create({"type": "card", "card": card})

    def customer_with(self, card: str = "pm_card_visa") -> tuple[str, str]:
        """A customer with a card attached, by their ids."""
        client = self.client()
        customer = client.v1.customers.create({"email": "billing@customer.example"})
        method = client.v1.payment_methods.attach(card, {"customer": customer.id})
        return customer.id, method.id


def start_stripe_stand_in(*arguments: str, port: int = 0) -> tuple["subprocess.Popen[str]", str]:
    """Start a stand-in. Returns its process, which the caller stops, and its URL."""
    command = [sys.executable, "-m", "sandbox.stripe", "--port", str(port), *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert " at http://" in line, "The Stripe stand-in did not start."
    return process, line.split()[-1]


@pytest.fixture(scope="session")
def stripe_stand_in() -> Iterator[StripeStandIn]:
    """The stand-in of the session, with the account of the portal's key in tests (sk_test_mtp)."""
    process, url = start_stripe_stand_in()
    yield StripeStandIn(url)
    process.terminate()
    process.communicate(timeout=10)


@pytest.fixture
def stripe_account(stripe_stand_in: StripeStandIn) -> Iterator[StripeStandIn]:
    """The stand-in with a new account, which has no objects of other tests."""
    stripe_stand_in.calm()
    yield StripeStandIn(stripe_stand_in.url, account=f"test{secrets.token_hex(6)}")
    stripe_stand_in.calm()


@dataclass
class Listener:
    """A webhook endpoint that stores requests; it answers the first `refuse` of them with 500."""

    url: str = ""
    refuse: int = 0
    received: list[tuple[bytes, str]] = field(default_factory=list)

    def types(self) -> list[str]:
        """The types received, in the order of arrival."""
        return [json.loads(body)["type"] for body, _ in self.received]

    def wait_for(self, enough: Callable[["Listener"], bool], *, seconds: float = 10) -> None:
        """Wait until `enough` is true; fails the test after `seconds`."""
        until = time.monotonic() + seconds
        while not enough(self):
            assert time.monotonic() < until, f"received only {self.types()}"
            time.sleep(0.02)


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A webhook endpoint for one test."""
    endpoint = Listener()

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            endpoint.received.append((body, self.headers["Stripe-Signature"]))
            refused = endpoint.refuse > 0
            endpoint.refuse -= refused
            self.send_response(500 if refused else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing per request."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/stripe/webhook"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield endpoint
    server.shutdown()
    thread.join()
    server.server_close()
