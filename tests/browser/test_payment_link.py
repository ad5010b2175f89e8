"""A payment link in Chromium, with the portal's security policy and without signing in."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Provider
from billing.gateway import client as gateway
from billing.models import ChargeAttempt, Invoice, Payment
from billing.payment_links import payment_link
from billing.payments.cards import adopt_card, begin_card_setup
from billing.payments.charging import charge_invoice
from core.schema import provider_schema
from tests.billing.conftest import BILL, NOVEMBER, BillingScenario
from tests.browser.conftest import DESKTOP, PHONE
from tests.sandbox_fixtures import StripeStandIn

pytestmark = pytest.mark.browser


@pytest.fixture
def scenario(
    own_provider: Callable[..., Provider], stripe_of_portal: StripeStandIn, settings: Any
) -> Iterator[BillingScenario]:
    """Billing of a committed provider with a contract."""
    cache.clear()
    provider = own_provider()
    scenario = BillingScenario(provider=provider, stripe=stripe_of_portal)
    with provider_schema(provider):
        scenario.contract()
        yield scenario


def unconfirmed_invoice(scenario: BillingScenario) -> Invoice:
    """An invoice charged to 4000 0027 6000 3184, whose bank wants each payment confirmed."""
    secret = begin_card_setup(provider=scenario.provider, actor=BILL)
    intent = secret.partition("_secret_")[0]
    gateway.client().v1.setup_intents.confirm(
        intent,
        {"payment_method": "pm_card_authenticationRequired", "return_url": "http://x.example"},
    )
    scenario.stripe.control("POST", "authentications", intent=intent, outcome="complete")
    adopt_card(provider=scenario.provider, setup_intent_id=intent, now=NOVEMBER)
    invoice = scenario.invoice()
    attempt = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)
    assert attempt is not None
    assert attempt.state == ChargeAttempt.State.NEEDS_CONFIRMATION
    return invoice


def link(invoice: Invoice, portal: str) -> str:
    url = payment_link(invoice_id=invoice.pk, now=timezone.now())
    return portal + url.removeprefix("http://testserver")


def test_the_card_holder_confirms_the_same_payment_at_the_link(
    scenario: BillingScenario, portal: str, open_page: Callable[..., Page]
) -> None:
    invoice = unconfirmed_invoice(scenario)
    page = open_page("about:blank")
    referrers: list[str] = []
    page.on(
        "request",
        lambda request: (
            referrers.append(request.headers.get("referer", ""))
            if not request.url.startswith(portal)
            else None
        ),
    )
    address = link(invoice, portal)

    page.goto(address)
    expect(page.locator("main")).to_contain_text("$330.00")
    page.get_by_role("button", name="Continue to payment").click()
    bank = page.frame_locator("iframe[title='Authentication by your bank']")
    bank.locator("#complete").click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()

    attempt = ChargeAttempt.objects.get()
    assert attempt.state == ChargeAttempt.State.SUCCEEDED
    assert Payment.objects.get().stripe_payment_intent_id == attempt.stripe_payment_intent_id
    assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 1
    assert referrers
    assert not [referrer for referrer in referrers if "/pay/" in referrer]
    page.goto(address)
    expect(page.get_by_role("heading")).to_have_text("This payment link is no longer valid")


def test_a_card_holder_who_refuses_can_pay_with_another_card(
    scenario: BillingScenario, portal: str, open_page: Callable[..., Page]
) -> None:
    invoice = unconfirmed_invoice(scenario)
    page = open_page(link(invoice, portal))

    page.get_by_role("button", name="Continue to payment").click()
    page.frame_locator("iframe[title='Authentication by your bank']").locator("#fail").click()
    expect(page.locator("#pay-error")).to_contain_text("unable to authenticate")
    page.get_by_role("button", name="Continue to payment").click()
    enter(page, "5555555555554444")
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()

    assert ChargeAttempt.objects.get().state == ChargeAttempt.State.SUCCEEDED
    assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 1


def test_an_open_invoice_is_paid_with_a_card_entered_at_the_link(
    scenario: BillingScenario, portal: str, open_page: Callable[..., Page]
) -> None:
    page = open_page(link(scenario.invoice(collection="by_invoice"), portal))

    page.get_by_role("button", name="Continue to payment").click()
    enter(page, "4242424242424242")

    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    assert Payment.objects.get().amount_minor == 33_000


def enter(page: Page, number: str) -> None:
    """Type a card key by key, and submit it."""
    card = page.frame_locator("#card-element iframe")
    typed = {"#number": number, "#expiry": "1239", "#cvc": "123", "#postal": "80202"}
    for field, text in typed.items():
        card.locator(field).click()
        page.keyboard.type(text)
    button = page.get_by_role("button", name="Pay $330.00")
    expect(button).to_be_enabled()
    button.click()


def test_the_payment_page_is_accessible(
    scenario: BillingScenario,
    portal: str,
    open_page: Callable[..., Page],
    violations: Callable[[Page], list[str]],
) -> None:
    address = link(scenario.invoice(), portal)
    for theme in ("light", "dark"):
        for width in (DESKTOP, PHONE):
            page = open_page(address, theme=theme, width=width)
            assert violations(page) == []
            page.get_by_role("button", name="Continue to payment").click()
            page.locator("#card-element iframe").wait_for()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
