"""A card entered in a real browser, on a page with a policy as strict as the portal's."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.sandbox_fixtures import StripeStandIn

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Shop</title>
<body data-key="{key}"><div id="card"></div><button id="save">Save</button><p id="result"></p>
<script src="{origin}/v3/"></script><script src="/shop.js"></script></body></html>"""
SCRIPT = """
const secret = location.hash.slice(1);
const stripe = Stripe(document.body.dataset.key);
const elements = stripe.elements({clientSecret: secret});
const element = elements.create("payment", {fields: {billingDetails: {address: "never"}}});
window.heard = [];
element.on("ready", () => heard.push("ready"));
element.on("change", (event) => heard.push(event.complete ? "complete" : "incomplete"));
element.mount("#card");
window.finish = (answer) => {
  const intent = answer.setupIntent || answer.paymentIntent;
  document.getElementById("result").textContent =
    answer.error ? `${answer.error.type}: ${answer.error.message}` : intent.status;
};
document.getElementById("save").addEventListener("click", async () => {
  const confirmParams = {return_url: `${location.origin}/back`};
  const confirm = secret.startsWith("seti_") ? "confirmSetup" : "confirmPayment";
  const redirect = location.search === "?redirect" ? "always" : "if_required";
  finish(await stripe[confirm]({elements, confirmParams, redirect}));
});
"""


@dataclass
class Shop:
    """A host page of another origin than the stand-in's; keeps what was sent to it."""

    url: str = ""
    bodies: list[str] = field(default_factory=list)


@pytest.fixture
def shop(stripe_account: StripeStandIn) -> Iterator[Shop]:
    open_shop = Shop()
    origin = stripe_account.url
    policy = (
        f"default-src 'none'; script-src 'self' {origin}; frame-src {origin}; "
        f"connect-src 'self' {origin}; style-src 'self'; base-uri 'none'; form-action 'self'"
    )

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            script = self.path == "/shop.js"
            page = PAGE.format(key=stripe_account.publishable_key, origin=origin)
            open_shop.bodies.append(self.requestline)
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if script else "text/html")
            self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write((SCRIPT if script else page).encode())

        def log_message(self, *_: object) -> None:
            """Nothing per request."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    open_shop.url = f"http://127.0.0.1:{server.server_address[1]}/"
    stripe_account.control("POST", "portal", url=open_shop.url)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield open_shop
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page that fails the test on any script error or breach of its policy."""
    page = chromium.new_page(viewport={"width": 800, "height": 700})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda line: problems.append(line.text) if "Content Security Policy" in line.text else None,
    )
    yield page
    page.close()
    assert problems == []


def enter(page: Page, number: str, *, cvc: str = "123") -> FrameLocator:
    """Type a card as a person does: the form moves to the next field automatically."""
    card = page.frame_locator("#card iframe")
    card.locator("#number").click()
    page.keyboard.type(number)
    card.locator("#expiry").click()
    page.keyboard.type("1239")
    card.locator("#cvc").click()
    page.keyboard.type(cvc)
    return card


def result(page: Page) -> str:
    shown = page.locator("#result")
    expect(shown).not_to_be_empty()
    return shown.inner_text()


def new_setup(stand_in: StripeStandIn) -> Any:
    client = stand_in.client().v1
    customer = client.customers.create({}).id
    return client.setup_intents.create({"customer": customer, "usage": "off_session"})


def test_a_card_is_saved_and_the_host_never_sees_it(
    stripe_account: StripeStandIn, shop: Shop, page: Page
) -> None:
    intent = new_setup(stripe_account)
    sent: list[tuple[str, str]] = []
    page.on("request", lambda request: sent.append((request.url, request.post_data or "")))
    page.goto(f"{shop.url}#{intent.client_secret}")
    card = enter(page, "4242424242424242")
    assert card.locator("#number").input_value() == "4242 4242 4242 4242"
    assert card.locator("#expiry").input_value() == "12 / 39"
    assert card.locator("#brand-name").inner_text() == "Visa"
    page.locator("#save").click()
    assert result(page) == "succeeded"
    assert page.evaluate("heard") == ["ready", "incomplete", "complete"]
    client = stripe_account.client().v1
    saved = client.setup_intents.retrieve(intent.id, {"expand": ["payment_method"]})
    assert saved.status == "succeeded"
    assert saved.payment_method.card.last4 == "4242"
    carrying = [url for url, body in sent if "4242" in body]
    assert carrying
    assert all(url.startswith(stripe_account.url) for url in carrying)
    assert "4242" not in page.content() + "".join(shop.bodies)


@pytest.mark.parametrize(
    ("press", "outcome"),
    [
        ("#complete", ("succeeded", "succeeded")),
        ("#fail", ("unable to authenticate", "requires_payment_method")),
    ],
)
def test_a_card_can_need_its_holders_authentication(
    stripe_account: StripeStandIn, shop: Shop, page: Page, press: str, outcome: tuple[str, str]
) -> None:
    intent = new_setup(stripe_account)
    page.goto(f"{shop.url}#{intent.client_secret}")
    enter(page, "4000002500003155")
    page.locator("#save").click()
    page.frame_locator("iframe[title='Authentication by your bank']").locator(press).click()
    shown, status = outcome
    assert shown in result(page)
    assert page.locator("iframe").count() == 1
    client = stripe_account.client().v1
    assert client.setup_intents.retrieve(intent.id).status == status


def test_invalid_and_declined_cards_have_an_error_at_their_field(
    stripe_account: StripeStandIn, shop: Shop, page: Page
) -> None:
    intent = new_setup(stripe_account)
    page.goto(f"{shop.url}#{intent.client_secret}")
    card = enter(page, "4242424242424241")
    page.locator("#save").click()
    assert result(page) == "validation_error: Your card number is invalid."
    assert card.locator("#number-problem").inner_text() == "Your card number is invalid."
    assert card.locator("#number").get_attribute("aria-invalid") == "true"
    for field_id in ("number", "expiry", "cvc"):
        card.locator(f"#{field_id}").fill("")
    enter(page, "378282246310005", cvc="123")
    assert card.locator("#number").input_value() == "3782 822463 10005"
    page.locator("#save").click()
    expect(page.locator("#result")).to_contain_text("security code")
    for field_id in ("number", "expiry", "cvc"):
        card.locator(f"#{field_id}").fill("")
    enter(page, "4000000000009995")
    page.locator("#save").click()
    expect(page.locator("#result")).to_contain_text("card_error")
    assert card.locator("#number-problem").inner_text() == "Your card has insufficient funds."


def test_the_browser_returns_to_the_return_url(
    stripe_account: StripeStandIn, shop: Shop, page: Page
) -> None:
    intent = new_setup(stripe_account)
    page.goto(f"{shop.url}?redirect#{intent.client_secret}")
    enter(page, "5555555555554444")
    page.locator("#save").click()
    page.wait_for_url("**/back?*")
    assert f"setup_intent={intent.id}" in page.url
    assert "redirect_status=succeeded" in page.url


def test_a_payment_refused_off_session_is_confirmed_by_its_holder(
    stripe_account: StripeStandIn, shop: Shop, page: Page
) -> None:
    client = stripe_account.client().v1
    customer, card = stripe_account.customer_with("pm_card_authenticationRequired")
    intent = client.payment_intents.create(
        {"amount": 2500, "currency": "usd", "customer": customer}
    )
    page.goto(f"{shop.url}#{intent.client_secret}")
    page.frame_locator("#card iframe").locator("#number").wait_for()
    page.evaluate(
        "card => { stripe.confirmPayment({clientSecret: secret, confirmParams: "
        "{payment_method: card}, redirect: 'if_required'}).then(finish); }",
        card,
    )
    challenge = page.frame_locator("iframe[title='Authentication by your bank']")
    challenge.locator("#complete").click()
    assert result(page) == "succeeded"
    assert stripe_account.charges(customer=customer)["amount_charged"] == 2500


def test_a_redirect_to_the_bank_returns_to_the_portal(
    stripe_account: StripeStandIn, shop: Shop, page: Page
) -> None:
    customer, card = stripe_account.customer_with("pm_card_authenticationRequired")
    intent = stripe_account.client().v1.payment_intents.create(
        {
            "amount": 2500,
            "currency": "usd",
            "customer": customer,
            "payment_method": card,
            "confirm": True,
            "return_url": f"{shop.url}back?invoice=7",
        }
    )
    assert intent.next_action is not None
    assert intent.next_action.redirect_to_url is not None
    page.goto(str(intent.next_action.redirect_to_url.url))
    page.locator("#complete").click()
    page.wait_for_url("**/back?invoice=7&*")
    assert "redirect_status=succeeded" in page.url
    assert stripe_account.charges(customer=customer)["succeeded"] == 1
