"""A card entered in a real browser under the portal's own policy, without passing its server."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client, override_settings
from playwright.sync_api import Page, expect

from accounts.models import Provider
from accounts.roles import Role
from billing.models import Contract, PaymentMethod
from mtp.schema import provider_schema
from tests.browser.conftest import DESKTOP, PHONE
from tests.people import hire
from tests.sandbox_fixtures import StripeStandIn

pytestmark = pytest.mark.browser


@pytest.fixture
def stripe_settings(stripe_account: StripeStandIn):
    """The portal's settings for this stand-in, its policy's sources included."""
    origin = stripe_account.url
    policy = settings.CONTENT_SECURITY_POLICY
    directives = {
        name: [*[source for source in sources if "stripe.com" not in source], origin]
        if name in ("connect-src", "frame-src", "script-src")
        else sources
        for name, sources in policy["DIRECTIVES"].items()
    }
    with override_settings(
        STRIPE_API_KEY=stripe_account.secret_key,
        STRIPE_PUBLISHABLE_KEY=stripe_account.publishable_key,
        STRIPE_API_BASE=origin,
        STRIPE_JS_URL=f"{origin}/v3/",
        CONTENT_SECURITY_POLICY={**policy, "DIRECTIVES": directives},
    ):
        yield


@pytest.fixture
def at_the_desk(
    own_provider: Callable[..., Provider], portal: str, stripe_settings: None
) -> tuple[Provider, dict[str, str]]:
    """A provider with a contract, and its billing administrator's session cookie."""
    provider = own_provider()
    person = hire(
        provider=provider, role=Role.BILLING_ADMIN, name="Bill", email="bill@wegwerf.example"
    )
    with provider_schema(provider.schema_name):
        Contract.objects.create(
            kind="pay_as_you_go",
            package_id=1,
            package_name="Complete",
            metric="users",
            currency="USD",
            unit_price=11,
            starts_on="2020-01-01",
            automatic_limit_minor=400_000,
            payment_terms_days=30,
        )
    session = Client()
    session.force_login(person)
    name = settings.SESSION_COOKIE_NAME
    return provider, {"name": name, "value": session.cookies[name].value, "url": portal}


def enter(page: Page, number: str) -> None:
    """Type a card as a person would, and send it."""
    card = page.frame_locator("#card-element iframe")
    typed = {"#number": number, "#expiry": "1239", "#cvc": "123", "#postal": "80202"}
    for field, text in typed.items():
        card.locator(field).click()
        page.keyboard.type(text)
    button = page.get_by_role("button", name="Submit Payment Information")
    expect(button).to_be_enabled()
    button.click()


def test_a_card_is_entered_and_replaced(
    at_the_desk: tuple[Provider, dict[str, str]],
    portal: str,
    open_page: Callable[..., Page],
    stripe_account: StripeStandIn,
) -> None:
    provider, cookie = at_the_desk
    page = open_page(f"{portal}/accounts/login/")
    page.context.add_cookies([cookie])
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.url} {request.post_data}"))

    page.goto(f"{portal}/account/billing/")
    page.get_by_role("link", name="Add card").click()
    expect(page.get_by_role("button", name="Submit Payment Information")).to_be_disabled()
    enter(page, "4242424242424242")
    expect(page.locator("main")).to_contain_text("ending in 4242 is on file")

    page.get_by_role("link", name="Replace card").click()
    enter(page, "5555555555554444")
    expect(page.locator("main")).to_contain_text("ending in 4444 is on file")

    with provider_schema(provider.schema_name):
        cards = PaymentMethod.objects.order_by("pk")
        assert [card.last_four for card in cards] == ["4242", "4444"]
        assert [bool(card.replaced_at) for card in cards] == [True, False]
    ours = [request for request in sent if request.startswith(portal)]
    assert ours
    assert not [request for request in ours if "4242424242424242" in request]


def test_the_pages_have_no_barrier(
    at_the_desk: tuple[Provider, dict[str, str]],
    portal: str,
    open_page: Callable[..., Page],
    violations: Callable[[Page], list[str]],
) -> None:
    _, cookie = at_the_desk
    for theme in ("light", "dark"):
        for width in (DESKTOP, PHONE):
            page = open_page(f"{portal}/accounts/login/", theme=theme, width=width)
            page.context.add_cookies([cookie])
            page.goto(f"{portal}/account/billing/")
            assert violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.goto(f"{portal}/account/billing/card/")
            page.locator("#card-element iframe").wait_for()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
