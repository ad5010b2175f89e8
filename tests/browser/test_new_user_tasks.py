"""Three tasks of a person who opens the portal for the first time, with its pages alone.

The number of steps (docs/decisions/0070) is part of the product: it grows only on purpose.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Provider, User
from accounts.roles import Role
from billing.dunning.status import update_dunning
from core.months import Month
from core.outbox.delivery import deliver_due
from core.schema import provider_schema
from tenants.models import ManagedUser, Organization
from tests.billing.conftest import BillingScenario
from tests.billing_information import with_agreement
from tests.browser.walkers import Pointer, button, link
from tests.personas import create_persona
from tests.sandbox_fixtures import StripeStandIn

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]
NAMES = ("Alder Dental Group", "Birchwood Legal", "Cedar Ridge Clinic")
LEAVERS = [f"leaver{number}@{'abc'[number % 3]}.example" for number in range(10)]


@pytest.fixture
def scenario(
    own_provider: Callable[..., Provider], stripe_of_portal: StripeStandIn
) -> BillingScenario:
    """Three organizations with users of last month, at 11 dollars."""
    provider = own_provider(canary="Neuling", prefix="NEW")
    scenario = BillingScenario(provider=provider, stripe=stripe_of_portal)
    month = Month.of(timezone.now(), UTC).previous
    joined = month.starts_at(UTC) + timedelta(days=4)
    with provider_schema(provider):
        scenario.contract(starts_on=month.first_day)
        for letter, name in zip("abc", NAMES, strict=True):
            organization = Organization.objects.create(name=name, created_at=joined)
            _join(organization, [f"stays{n}@{letter}.example" for n in range(20)], at=joined)
            leavers = [address for address in LEAVERS if address.endswith(f"@{letter}.example")]
            _join(organization, leavers, at=joined)
    return scenario


def _join(organization: Organization, addresses: list[str], *, at: datetime) -> None:
    ManagedUser.objects.bulk_create(
        ManagedUser(
            organization=organization, email=address, added_at=at, added_by_name="Adam Neuling"
        )
        for address in addresses
    )


@pytest.fixture
def walk(
    portal: str, open_page: OpenPage, scenario: BillingScenario
) -> Callable[[], tuple[Pointer, list[str]]]:
    """`walk()`: the billing administrator at the portal's first page, and the pages to come."""
    bill = create_persona(
        provider=scenario.provider, role=Role.BILLING_ADMIN, name="Bill", email="bill@new.example"
    )

    def walk() -> tuple[Pointer, list[str]]:
        page = open_page(portal, person=bill)
        pages: list[str] = []
        page.on("framenavigated", lambda frame: frame.parent_frame or pages.append(frame.url))
        return Pointer(page), pages

    return walk


Walk = Callable[[], tuple[Pointer, list[str]]]


def test_why_the_bill_of_an_organization_grew(scenario: BillingScenario, walk: Walk) -> None:
    now = timezone.now()
    with provider_schema(scenario.provider):
        cedar = Organization.objects.get(name="Cedar Ridge Clinic")
        new = [f"new{number}@c.example" for number in range(4)]
        _join(cedar, new, at=max(now - timedelta(minutes=1), _month_start(now)))
    walker, pages = walk()
    row = walker.page.get_by_role("row", name="Cedar Ridge Clinic")
    expect(row).to_contain_text("$44.00")
    walker.activate(row.get_by_role("link", name="why?"))
    main = walker.page.locator("main")
    expect(main).to_contain_text("Adam Neuling")
    expect(main).to_contain_text("new3@c.example")
    assert (walker.steps, len(pages)) == (1, 1)


def test_ten_leavers_of_three_organizations_are_removed(
    scenario: BillingScenario, walk: Walk
) -> None:
    walker, pages = walk()
    page = walker.page
    walker.activate(link(walker, "Users & devices"))
    walker.type(page.get_by_label("Search users"), ", ".join(LEAVERS))
    expect(page.get_by_role("rowheader")).to_have_count(len(LEAVERS))
    walker.activate(page.get_by_label("Select this page"))
    walker.activate(page.locator("#bulk").get_by_role("button", name="Remove"))
    expect(page.locator("main")).to_contain_text("This month’s bill so far")
    walker.activate(button(walker, "Remove 10 users"))
    expect(page.get_by_text("10 users were removed.")).to_be_visible()
    with provider_schema(scenario.provider):
        living = ManagedUser.objects.filter(removed_at=None)
        assert (living.count(), living.filter(email__in=LEAVERS).count()) == (60, 0)
    # The list, its search, the confirmation, its answer, and the list again.
    assert (walker.steps, len(pages)) == (5, 5)


def test_what_is_owed_is_paid(scenario: BillingScenario, walk: Walk, portal: str) -> None:
    walker, pages = _owing(scenario, walk)
    page = walker.page
    expect(page.locator(".shell-banners .banner")).to_contain_text("$330.00")
    walker.activate(page.locator(".shell-banners").get_by_role("link", name="Update"))
    card = page.frame_locator("#card-element iframe")
    fields = {"#number": "4242424242424242", "#expiry": "1239", "#cvc": "123", "#postal": "80202"}
    for field, text in fields.items():
        walker.type(card.locator(field), text)
    walker.activate(page.locator("#card-submit"))
    expect(page.locator("#card-charges")).to_contain_text("Waiting for its turn")
    deliver_due(now=timezone.now(), schema=scenario.provider.schema_name)
    expect(page.locator("#card-charges")).to_contain_text("Paid in full")
    expect(page.locator(".shell-banners .banner")).to_have_count(0)
    # The card form, Stripe's way back, and the page of the charges.
    assert (walker.steps, len(pages)) == (6, 3), pages


def _owing(scenario: BillingScenario, walk: Walk) -> tuple[Pointer, list[str]]:
    """With an invoice that is overdue, and a card on file that declined."""
    walk()
    client = Client()
    client.force_login(User.objects.get(email="bill@new.example"))
    page = client.get("/account/billing/card/").text
    secret = client.post("/account/billing/card/setup/", with_agreement(page)).json()[
        "client_secret"
    ]
    intent = secret.partition("_secret_")[0]
    scenario.stripe.client().v1.setup_intents.confirm(
        intent, {"payment_method": "pm_card_chargeCustomerFail"}
    )
    client.get(f"/account/billing/card/return/?setup_intent={intent}")
    with provider_schema(scenario.provider):
        scenario.invoice(due_date=timezone.now().date() - timedelta(days=5))
        update_dunning(now=timezone.now())
    return walk()


def _month_start(now: datetime) -> datetime:
    return Month.of(now, UTC).starts_at(UTC)
