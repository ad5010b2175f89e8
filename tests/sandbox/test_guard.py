"""No page of another site reaches a stand-in through a developer's browser."""

import subprocess
import sys
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser

from sandbox.guard import Guard
from tests.autotask_fixtures import HEADERS, AutotaskStandIn
from tests.sandbox_fixtures import CONTROL_KEY, HTTP, ROOT, StripeStandIn

EVIL = "https://evil.example"
PORTAL = "http://127.0.0.1:8000"


@pytest.fixture(params=["stripe", "autotask"])
def url(request: pytest.FixtureRequest) -> str:
    """The address of each stand-in."""
    name = {"stripe": "stripe_account", "autotask": "autotask_stand_in"}[request.param]
    return str(request.getfixturevalue(name).url)


def test_the_control_api_needs_its_key(url: str) -> None:
    for method, name in (("GET", "faults"), ("DELETE", "faults"), ("POST", "reset")):
        for headers in ({}, {"Stand-In-Key": "guess"}, {"Stand-In-Key": "schlüssel".encode()}):
            answer = HTTP.request(method, f"{url}/_control/{name}", headers=headers)
            assert answer.status_code == 403
            assert "Stand-In-Key" in answer.text
    assert HTTP.get(f"{url}/_control/faults", headers=CONTROL_KEY).status_code == 200


@pytest.mark.parametrize("path", ["/_control/faults", "/v1/customers", "/health", "/v3/"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("origin", [EVIL, "null", "http://127.0.0.1:1", "http://localhost"])
def test_pages_of_other_sites_are_refused(url: str, method: str, path: str, origin: str) -> None:
    headers = {"Origin": origin, "Authorization": "Bearer sk_test_mtp", **CONTROL_KEY}
    answer = HTTP.request(method, url + path, headers=headers)
    assert answer.status_code in (403, 501)
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[bad"])
def test_names_of_other_sites_for_this_machine_are_refused(url: str, host: str) -> None:
    port = urlsplit(url).port
    for path in ("/_control/faults", "/v1/customers", "/health"):
        headers = {"Host": f"{host}:{port}" if host else "", **CONTROL_KEY, **HEADERS}
        assert HTTP.get(url + path, headers=headers).status_code == 403
    for name in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}"):
        assert HTTP.get(f"{url}/health", headers={"Host": name}).status_code == 200


def test_pages_of_the_portal_may_call_stripe_and_not_its_control(
    stripe_account: StripeStandIn,
) -> None:
    stripe_account.control("POST", "portal", url=f"{PORTAL}/")
    intent = stripe_account.client().v1.setup_intents.create({})
    url = f"{stripe_account.url}/v1/setup_intents/{intent.id}"
    for origin in (PORTAL, "http://localhost:8000"):
        headers = {"Origin": origin, "Authorization": f"Bearer {stripe_account.publishable_key}"}
        asked = HTTP.options(url, headers=headers)
        assert asked.status_code == 204
        assert asked.headers["Access-Control-Allow-Origin"] == origin
        assert asked.headers["Access-Control-Allow-Headers"] == "authorization"
        found = HTTP.get(url, params={"client_secret": intent.client_secret}, headers=headers)
        assert found.json()["id"] == intent.id
        assert found.headers["Access-Control-Allow-Origin"] == origin
        control = f"{stripe_account.url}/_control/faults"
        assert HTTP.get(control, headers={**headers, **CONTROL_KEY}).status_code == 403
    form = HTTP.get(f"{stripe_account.url}/v3/card.html").headers["Content-Security-Policy"]
    assert form.endswith(f"frame-ancestors {PORTAL} http://localhost:8000")
    stripe_account.control("POST", "portal", url="")
    form = HTTP.get(f"{stripe_account.url}/v3/card.html").headers["Content-Security-Policy"]
    assert form.endswith("frame-ancestors 'none'")


def test_other_names_are_those_it_was_started_with() -> None:
    guard = Guard(key="key", host="standin.internal")
    assert guard.refusal("/v1/refunds", {"host": "standin.internal:80"}) is None
    assert guard.refusal("/v1/refunds", {"host": "other.internal:80"}) is not None
    assert guard.refusal("/v1/refunds", {}) is not None


@pytest.mark.parametrize("module", ["sandbox.stripe", "sandbox.autotask"])
def test_every_start_has_another_key_and_says_it(module: str) -> None:
    def started() -> str:
        command = [sys.executable, "-m", module, "--port", "0"]
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={"PATH": "/usr/bin"}
        ) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline(), process.stdout.readline()]
            process.terminate()
        (address,) = [line.split()[-1] for line in lines if " at http://" in line]
        (key,) = [line.split()[-1] for line in lines if line.startswith("Stand-In-Key: ")]
        assert httpx.URL(address).host == "127.0.0.1"
        return str(key)

    assert started() != started()


@pytest.mark.browser
def test_a_foreign_page_in_a_browser_reaches_nothing(
    chromium: Browser, stripe_account: StripeStandIn, autotask_stand_in: AutotaskStandIn
) -> None:
    page = chromium.new_page()
    page.route(f"{EVIL}/", lambda route: route.fulfill(body="<title>evil</title>"))
    page.goto(f"{EVIL}/")
    script = """async ([url, options]) => {
      try { return (await fetch(url, options)).status; } catch (problem) { return problem.name; }
    }"""
    key = {"Authorization": f"Bearer {stripe_account.secret_key}", **CONTROL_KEY}
    for url in (stripe_account.url, autotask_stand_in.url):
        for path in ("/_control/faults", "/v1/customers", "/health"):
            assert page.evaluate(script, [url + path, {"headers": key}]) == "TypeError"
            assert page.evaluate(script, [url + path, {}]) == "TypeError"
    blind = {"method": "POST", "mode": "no-cors", "body": f"key={stripe_account.secret_key}"}
    page.evaluate(
        script,
        [
            f"{stripe_account.url}/v1/customers",
            {**blind, "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        ],
    )
    page.close()
    assert stripe_account.client().v1.customers.list().data == []
