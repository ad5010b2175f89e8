"""The portal's main journey in Chromium: from setting a cap to downloading a paid invoice."""

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from django.core.management import call_command
from django.utils import timezone
from playwright.sync_api import Download, Page, expect

from accounts.models import PackagePrice, Provider, User
from accounts.roles import Role
from billing.models import PaymentMethod
from core.months import Month
from core.schema import provider_schema
from tenants.models import MeteringPolicy, Organization
from tests.browser.billing_form import complete
from tests.personas import PASSWORD, create_persona
from tests.sandbox_fixtures import FINE, StripeStandIn

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]
DECLINED = "4000000000000002"
NEEDS_CONFIRMATION = "4000002500003155"
NAMES = ("Alder Dental Group", "Birchwood Legal", "Cedar Ridge Clinic")


@pytest.fixture
def provider(own_provider: Callable[..., Provider], price_list: PackagePrice) -> Provider:
    """A provider with three empty organizations and the free allowance."""
    provider = own_provider(canary="Wanderer", prefix="WALK")
    with provider_schema(provider):
        for name in NAMES:
            Organization.objects.create(name=name)
    return provider


@pytest.fixture
def olive(provider: Provider) -> User:
    """The Owner of the provider."""
    return create_persona(
        provider=provider, role=Role.OWNER, name="Olive Wanderer", email="olive@wanderer.example"
    )


def sign_in(page: Page, person: User) -> None:
    page.get_by_label("E-mail").fill(person.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def to_usage(page: Page) -> None:
    menu = page.get_by_role("navigation", name="Main")
    menu.get_by_role("link", name="Usage").click()


def cap(page: Page, organization: str, number: int) -> None:
    """Set the organization's cap in the dialog on the usage page."""
    page.get_by_role("link", name=f"Edit cap of {organization}").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Cap Users at").click()
    dialog.get_by_label("Number of users").fill(str(number))
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text(f"User cap of {organization}: {number} users.")).to_be_visible()


def add_users(page: Page, *names: str) -> None:
    """Add users one after the other, with the form."""
    for name in names:
        page.get_by_label("E-mail").fill(f"{name.lower()}@customer.example")
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_role("button", name="Add, then another").click()


def enter_card(page: Page, number: str) -> None:
    """Type a card into Stripe's frame, and submit it."""
    card = page.frame_locator("#card-element iframe")
    for field, text in (
        ("#number", number),
        ("#expiry", "1239"),
        ("#cvc", "123"),
        ("#postal", "80202"),
    ):
        card.locator(field).fill("")
        card.locator(field).press_sequentially(text)
    page.locator("#card-submit").click()


def saved(download: Download) -> bytes:
    return Path(download.path()).read_bytes()


def noon(month: Month, day: int) -> datetime:
    return datetime(month.year, month.month, day, 12, tzinfo=UTC)


def test_an_owner_sets_a_cap_adds_users_and_downloads_the_paid_invoice(
    portal: str,
    provider: Provider,
    olive: User,
    open_page: OpenPage,
    stripe_of_portal: StripeStandIn,
) -> None:
    month = Month.of(timezone.now(), UTC).next
    with time_machine.travel(noon(month, 20)):
        page = open_page(portal)
        sign_in(page, olive)
        to_usage(page)
        set_cap_and_add_users(page)
        put_card_on_file(page, stripe_of_portal)

    with time_machine.travel(noon(month.next, 1)):
        output = io.StringIO()
        call_command("close_month", provider="WALK", month=str(month), stdout=output)
        assert "charged to the card" in output.getvalue()
        page = open_page(f"{portal}/account/payments/", person=olive)
        download_invoice(page)
    assert stripe_of_portal.charges()["amount_charged"] == 3 * 350


def set_cap_and_add_users(page: Page) -> None:
    page.get_by_label("Search organizations").press_sequentially("ridge", delay=30)
    expect(page.get_by_role("link", name="Alder Dental Group")).to_have_count(0)
    assert page.url.endswith("?q=ridge")
    cap(page, "Cedar Ridge Clinic", 3)
    assert page.url.endswith("?q=ridge"), "the search stays after the dialog"

    page.get_by_role("link", name="Cedar Ridge Clinic", exact=True).click()
    page.get_by_role("link", name="See users").click()
    page.get_by_role("link", name="Add user").first.click()
    add_users(page, "Ada", "Ben", "Cleo")
    expect(page.get_by_text("was added to Cedar Ridge Clinic")).to_be_visible()
    add_users(page, "Dora")
    refusal = page.get_by_text("This organization has 3 users and has reached its user cap of 3")
    expect(refusal).to_contain_text("You can raise the cap under Usage.")

    to_usage(page)
    row = page.get_by_role("row", name="Cedar Ridge Clinic")
    expect(row.get_by_text("LIMIT REACHED")).to_be_visible()


def put_card_on_file(page: Page, stripe: StripeStandIn) -> None:
    page.get_by_role("link", name="Add a card").click()
    complete(page)
    enter_card(page, FINE)
    expect(page.get_by_text("Visa ending in 4242").first).to_be_visible()
    to_usage(page)
    expect(page.get_by_text("Without a card on file")).to_have_count(0)


def download_invoice(page: Page) -> None:
    row = page.get_by_role("row", name="WALK-000001")
    expect(row.get_by_text("Paid in Full")).to_be_visible()
    expect(row.get_by_text("$10.50").first).to_be_visible()
    with page.expect_download() as pdf:
        row.get_by_role("link", name="Download Invoice WALK-000001").click()
    assert saved(pdf.value).startswith(b"%PDF-")
    with page.expect_download() as csv:
        row.locator("summary").click()
        row.get_by_role("link", name="CSV", exact=True).click()
    assert b"Cedar Ridge Clinic" in saved(csv.value)
    row.get_by_role("link", name="WALK-000001", exact=True).click()
    expect(page.get_by_role("row", name="Cedar Ridge Clinic")).to_contain_text("$10.50")


def test_an_organization_admin_at_the_cap_sees_the_contact(
    portal: str, provider: Provider, open_page: OpenPage
) -> None:
    with provider_schema(provider):
        MeteringPolicy.objects.update(free_user_limit=None)
        organization = Organization.objects.get(name="Birchwood Legal")
        Organization.objects.filter(pk=organization.pk).update(user_cap=1)
    otto = create_persona(
        provider=provider,
        role=Role.ORGANIZATION_ADMIN,
        name="Otto Wanderer",
        email="otto@wanderer.example",
        organization_id=organization.pk,
    )
    page = open_page(portal, person=otto)
    page.get_by_role("link", name="Add user").click()
    add_users(page, "Ada", "Ben")
    message = page.get_by_text("contact your MSP administrator, Connie Wanderer")
    expect(message).to_be_visible()
    link = message.get_by_role("link", name="billing@wanderer.example")
    expect(link).to_have_attribute("href", "mailto:billing@wanderer.example")


def test_a_declined_card_shows_an_error_and_a_confirmed_card_is_saved(
    portal: str,
    provider: Provider,
    olive: User,
    open_page: OpenPage,
    stripe_of_portal: StripeStandIn,
) -> None:
    page = open_page(f"{portal}/account/billing/card/", person=olive)
    complete(page)
    enter_card(page, DECLINED)
    expect(page.locator("#card-error")).to_contain_text("declined")
    assert cards_on_file(provider) == []

    enter_card(page, NEEDS_CONFIRMATION)
    page.frame_locator("iframe[title='Authentication by your bank']").locator("#complete").click()
    page.wait_for_url(re.compile(r"/account/billing/$"))
    expect(page.get_by_text("Visa ending in 3155").first).to_be_visible()
    assert cards_on_file(provider) == ["3155"]


def cards_on_file(provider: Provider) -> list[str]:
    with provider_schema(provider):
        return list(
            PaymentMethod.objects.filter(replaced_at=None).values_list("last_four", flat=True)
        )


def test_cap_search_and_users_work_without_scripts(
    portal: str, provider: Provider, olive: User, open_page: OpenPage
) -> None:
    page = open_page(f"{portal}/account/usage/", person=olive, scripts=False)
    page.get_by_label("Search organizations").fill("birch")
    page.get_by_label("Search organizations").press("Enter")
    expect(page.get_by_role("link", name="Alder Dental Group")).to_have_count(0)
    cap(page, "Birchwood Legal", 25)
    assert page.url.endswith("?q=birch")

    to_usage(page)
    page.get_by_role("link", name="User cap", exact=True).click()
    expect(page.get_by_role("rowheader").first).to_contain_text("Alder Dental Group")
    page.get_by_role("link", name="User cap", exact=True).click()
    expect(page.get_by_role("rowheader").first).to_contain_text("Birchwood Legal")

    page.get_by_role("link", name="Birchwood Legal", exact=True).click()
    page.get_by_role("link", name="See users").click()
    page.get_by_role("link", name="Add user").first.click()
    add_users(page, "Ada")
    expect(page.get_by_text("was added to Birchwood Legal")).to_be_visible()


def test_the_cap_dialog_works_by_keyboard(
    portal: str, provider: Provider, olive: User, open_page: OpenPage
) -> None:
    page = open_page(f"{portal}/account/usage/?sort=name", person=olive)
    opener = page.get_by_role("link", name="Edit cap of Alder Dental Group")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("No User Cap")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("40")
    expect(dialog.get_by_label("Cap Users at")).to_be_checked()
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()

    page.keyboard.press("Enter")
    dialog.get_by_label("Cap Users at").click()
    expect(dialog.get_by_label("Number of users")).to_be_focused()
    page.keyboard.type("ten")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("Enter a whole number from 1 to 10,000.")).to_be_visible()
    expect(dialog.get_by_label("Number of users")).to_be_focused()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("40")
    page.keyboard.press("Enter")
    expect(page.get_by_text("User cap of Alder Dental Group: 40 users.")).to_be_visible()


def test_the_first_tab_stop_skips_the_menu(
    portal: str, provider: Provider, olive: User, open_page: OpenPage
) -> None:
    page = open_page(f"{portal}/organizations/", person=olive)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="New organization")).to_be_focused()
