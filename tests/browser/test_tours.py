"""The tour of the README in three ways: by keyboard alone, by pointer, and without JavaScript."""

import re
from collections.abc import Callable
from datetime import UTC, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Provider, User
from accounts.roles import Role
from billing.invoicing.month_close import close_month
from core.months import Month
from core.schema import provider_schema
from tenants.alerts import raise_alert
from tenants.alerts.rules import Condition
from tenants.models import ManagedUser, Organization
from tenants.models.alerts import Kind, Severity
from tests.billing.conftest import BillingScenario
from tests.browser.walkers import Keyboard, Pointer, Walker, button, heading, link
from tests.personas import PASSWORD, create_persona
from tests.sandbox_fixtures import StripeStandIn

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]
WAYS: dict[str, tuple[type[Walker], bool]] = {
    "keyboard": (Keyboard, True),
    "pointer": (Pointer, True),
    "no scripts": (Pointer, False),
}


@pytest.fixture
def olive(own_provider: Callable[..., Provider], stripe_of_portal: StripeStandIn) -> User:
    """The Owner of a provider with last month's invoice: Birchwood Legal had three users."""
    provider = own_provider(canary="Rundgang", prefix="TOUR")
    now = timezone.now()
    month = Month.of(now, UTC).previous
    joined = month.starts_at(UTC) + timedelta(days=4, hours=9)
    with provider_schema(provider):
        BillingScenario(provider=provider, stripe=stripe_of_portal).contract(
            starts_on=month.first_day
        )
        for name, users in (("Alder Dental Group", 0), ("Birchwood Legal", 3)):
            organization = Organization.objects.create(name=name, created_at=joined)
            ManagedUser.objects.bulk_create(
                ManagedUser(
                    organization=organization,
                    email=f"user{number}@birchwood.example",
                    added_at=joined + timedelta(minutes=number),
                    added_by_name="Olive",
                )
                for number in range(users)
            )
        condition = Condition(
            cause="vpn", kind=Kind.SERVICE, severity=Severity.WARNING, title="VPN is down"
        )
        raise_alert(condition=condition, now=now)
    close_month(provider=provider, month=month, now=now)
    return create_persona(
        provider=provider, role=Role.OWNER, name="Olive Rundgang", email="olive@rundgang.example"
    )


@pytest.mark.parametrize("way", WAYS)
def test_the_tour(way: str, portal: str, open_page: OpenPage, olive: User) -> None:
    kind, scripts = WAYS[way]
    walker = kind(open_page(portal, scripts=scripts))
    sign_in(walker, olive)
    set_a_cap(walker)
    add_a_user_at_a_price(walker)
    enter_an_organization(walker)
    trace_an_invoice(walker)
    acknowledge_an_alert(walker)
    generate_an_api_key(walker)


def sign_in(walker: Walker, person: User) -> None:
    walker.type(walker.page.get_by_label("E-mail"), person.email)
    walker.type(walker.page.get_by_label("Password"), PASSWORD)
    walker.activate(button(walker, "Sign in"))
    expect(walker.page.get_by_role("navigation", name="Main")).to_be_visible()


def set_a_cap(walker: Walker) -> None:
    page = walker.page
    walker.activate(link(walker, "Usage"))
    walker.type(page.get_by_label("Search organizations"), "birch")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Alder Dental Group")).to_have_count(0)
    walker.activate(link(walker, "Edit cap of Birchwood Legal"))
    walker.choose(page.get_by_label("Cap Users at"))
    walker.type(page.get_by_label("Number of users"), "25")
    walker.activate(button(walker, "Save"))
    expect(page.get_by_text("User cap of Birchwood Legal: 25 users.")).to_be_visible()


def add_a_user_at_a_price(walker: Walker) -> None:
    page = walker.page
    walker.activate(link(walker, "Organizations"))
    walker.activate(link(walker, "Birchwood Legal"))
    heading(walker, re.compile("Birchwood Legal|Overview"))
    walker.activate(
        page.get_by_role("navigation", name="Organization").get_by_role("link", name="Users")
    )
    walker.activate(link(walker, "Add user"))
    walker.type(page.get_by_label("E-mail"), "ada@birchwood.example")
    walker.type(page.get_by_label("Name", exact=True), "Ada")
    walker.activate(button(walker, "Add user"))
    expect(page.locator("main")).to_contain_text("$11.00")
    walker.activate(button(walker, "Add user all the same"))
    expect(page.locator("main")).to_contain_text("was added to Birchwood Legal")


def enter_an_organization(walker: Walker) -> None:
    walker.activate(link(walker, "Organizations"))
    walker.activate(button(walker, "Login to Birchwood Legal"))
    expect(walker.page.locator("main")).to_contain_text("You are logged in to Birchwood Legal")
    walker.activate(button(walker, re.compile("^Back to")))
    expect(link(walker, "Billing")).to_be_visible()


def trace_an_invoice(walker: Walker) -> None:
    """From the invoice to the event that made the number of its line."""
    page = walker.page
    walker.activate(link(walker, "Billing"))
    walker.activate(link(walker, "TOUR-000001"))
    heading(walker, "Invoice TOUR-000001")
    expect(page.get_by_role("row", name="Birchwood Legal")).to_contain_text("$33.00")
    walker.activate(page.locator("#lines").get_by_role("link").first)
    expect(page.locator("main")).to_contain_text("Olive")


def acknowledge_an_alert(walker: Walker) -> None:
    page = walker.page
    walker.activate(link(walker, re.compile("^Alerts")))
    walker.activate(link(walker, "VPN is down"))
    walker.activate(button(walker, "Acknowledge"))
    expect(page.locator("main")).to_contain_text("Acknowledged")


def generate_an_api_key(walker: Walker) -> None:
    walker.activate(link(walker, "Settings"))
    walker.activate(link(walker, "Generate New API Key"))
    walker.activate(button(walker, "Generate New API Key"))
    heading(walker, "Your new API key")
