"""Adding a card in Chromium, with the portal's security policy and past its server."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect

from accounts.models import Provider
from accounts.roles import Role
from billing.models import BillingProfile, Contract, PaymentMethod, TermsAcceptance
from core.schema import provider_schema
from tests.browser.billing_form import complete
from tests.browser.conftest import DESKTOP, PHONE
from tests.personas import create_persona
from tests.sandbox_fixtures import StripeStandIn

pytestmark = pytest.mark.browser
DECLINED = "4000000000000002"
NEEDS_CONFIRMATION = "4000002500003155"


@pytest.fixture
def provider_and_session(
    own_provider: Callable[..., Provider], portal: str, stripe_of_portal: StripeStandIn
) -> tuple[Provider, dict[str, str]]:
    """A provider with a contract, and its billing administrator's session cookie."""
    provider = own_provider()
    person = create_persona(
        provider=provider, role=Role.BILLING_ADMIN, name="Bill", email="bill@wegwerf.example"
    )
    with provider_schema(provider):
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


def type_card(page: Page, number: str) -> None:
    """Type a card into Stripe's frame."""
    card = page.frame_locator("#card-element iframe")
    for field, text in {
        "#number": number,
        "#expiry": "1239",
        "#cvc": "123",
        "#postal": "80202",
    }.items():
        card.locator(field).fill(text)


def submit(page: Page) -> None:
    button = page.locator("#card-submit")
    expect(button).to_be_enabled()
    button.click()


@pytest.fixture
def open_billing(
    provider_and_session: tuple[Provider, dict[str, str]],
    portal: str,
    open_page: Callable[..., Page],
) -> Callable[..., Page]:
    """`open_billing(**view)`: Billing Information, opened by Bill, a billing administrator."""

    def open_billing(**view: object) -> Page:
        page = open_page(f"{portal}/accounts/login/", **view)
        page.context.add_cookies([provider_and_session[1]])
        page.goto(f"{portal}/account/billing/")
        return page

    return open_billing


def test_a_declined_card_is_replaced_by_one_that_its_bank_confirms(
    provider_and_session: tuple[Provider, dict[str, str]],
    portal: str,
    open_billing: Callable[..., Page],
) -> None:
    page = open_billing()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.url} {request.post_data}"))
    missing = page.locator("#still-missing")
    expect(page.get_by_role("button", name="Submit Payment Information")).to_be_disabled()
    expect(missing).to_have_text("Still missing: Country, acceptance of the terms, card details.")
    complete(page)
    expect(missing).to_have_text("Still missing: card details.")

    type_card(page, DECLINED)
    expect(missing).to_be_empty()
    submit(page)
    expect(page.locator("#card-error")).to_have_text("Your card was declined.")

    type_card(page, NEEDS_CONFIRMATION)
    submit(page)
    bank = page.frame_locator('iframe[title="Authentication by your bank"]')
    bank.get_by_role("button", name="Fail").click()
    expect(page.locator("#card-error")).not_to_be_empty()
    submit(page)
    bank.get_by_role("button", name="Complete").click()
    expect(page.locator("main")).to_contain_text("ending in 3155 is on file")

    with provider_schema(provider_and_session[0]):
        assert BillingProfile.objects.get().address_lines[-1] == "Denver, CO 80202"
        assert TermsAcceptance.objects.count() == 1
    ours = [request for request in sent if request.startswith(portal)]
    assert ours
    assert not [request for request in ours if NEEDS_CONFIRMATION in request or DECLINED in request]


def test_a_replaced_card_stays_in_the_records(
    provider_and_session: tuple[Provider, dict[str, str]], open_billing: Callable[..., Page]
) -> None:
    page = open_billing()
    complete(page)
    type_card(page, "4242424242424242")
    submit(page)
    page.get_by_role("link", name="Replace card").click()
    type_card(page, "5555555555554444")
    submit(page)
    expect(page.locator("main")).to_contain_text("ending in 4444 is on file")

    with provider_schema(provider_and_session[0]):
        cards = PaymentMethod.objects.order_by("pk")
        assert [card.last_four for card in cards] == ["4242", "4444"]
        assert [bool(card.replaced_at) for card in cards] == [True, False]


def test_a_change_of_country_replaces_its_fields_and_keeps_the_others(
    open_billing: Callable[..., Page],
) -> None:
    page = open_billing()
    complete(page)
    hint = page.locator("#id_tax_id_helptext")
    expect(hint).to_contain_text("EIN")

    page.get_by_label("Country*").first.select_option("DE")

    expect(page.get_by_label("State*")).to_have_count(0)
    expect(page.get_by_label("Postal code*")).to_have_value("80202")
    expect(page.get_by_label("City*")).to_have_value("Denver")
    expect(hint).to_contain_text("VAT number")
    page.get_by_label("Country*").first.select_option("US")
    expect(page.get_by_label("State*")).to_have_value("CO")


def test_an_error_of_the_server_is_beside_its_field(open_billing: Callable[..., Page]) -> None:
    page = open_billing()
    complete(page)
    page.get_by_label("ZIP code*").fill("10001")
    type_card(page, "4242424242424242")
    submit(page)

    field = page.get_by_label("ZIP code*")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#information")).to_contain_text("not in Colorado")
    expect(page.frame_locator("#card-element iframe").locator("#cvc")).to_have_value("123")


def test_without_scripts_everything_but_the_card_is_saved(
    provider_and_session: tuple[Provider, dict[str, str]], open_billing: Callable[..., Page]
) -> None:
    page = open_billing(scripts=False)
    expect(page.locator("#still-missing")).to_contain_text("Country, acceptance of the terms")
    expect(page.get_by_role("button", name="Submit Payment Information")).to_be_disabled()
    page.get_by_label("Country*").first.select_option("CH")
    page.get_by_role("button", name="Show this country’s fields").first.click()
    page.get_by_label("Street address*").first.fill("Bahnhofstrasse 1")
    page.get_by_label("City*").first.fill("Zürich")

    page.get_by_role("button", name="Save without a card").click()
    expect(page.locator("#information")).to_contain_text("Postal code is required")
    page.get_by_label("Postal code*").first.fill("8001")
    page.get_by_role("button", name="Save without a card").click()

    expect(page.locator("body")).to_contain_text("Your billing information is saved.")
    with provider_schema(provider_and_session[0]):
        assert BillingProfile.objects.get().address_lines[-1] == "CH-8001 Zürich"


def test_billing_pages_are_accessible(
    open_billing: Callable[..., Page], portal: str, violations: Callable[[Page], list[str]]
) -> None:
    for theme in ("light", "dark"):
        for width in (DESKTOP, PHONE):
            page = open_billing(theme=theme, width=width)
            page.locator("#card-element iframe").wait_for()
            assert violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.goto(f"{portal}/account/contract/")
            assert violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
