"""The agreement before the first card, in Chromium: shown, changed meanwhile, and accepted."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import PackagePrice, Provider, User
from accounts.roles import Role
from billing.models import AgreementAcceptance, BillingProfile, Contract
from core.schema import provider_schema
from tenants.models import ManagedUser, Organization
from tests.browser.billing_form import complete
from tests.browser.conftest import DESKTOP, PHONE, TABLET
from tests.browser.test_main_journey import enter_card
from tests.personas import create_persona
from tests.sandbox_fixtures import FINE, StripeStandIn

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]


@pytest.fixture
def provider(own_provider: Callable[..., Provider], price_list: PackagePrice) -> Provider:
    """A provider with seven users and a tax."""
    provider = own_provider(canary="Vereinbart", prefix="AGREE")
    with provider_schema(provider):
        BillingProfile.objects.create(
            legal_name="Vereinbart", country="", tax_name="Sales tax", tax_rate=Decimal("8.25"),
            contact_emails=["pay@vereinbart.example"],
        )  # fmt: skip
        acme = Organization.objects.create(name="Acme")
        ManagedUser.objects.bulk_create(
            ManagedUser(
                organization=acme,
                email=f"u{number}@acme.example",
                added_at=datetime(2026, 1, 5, tzinfo=UTC),
            )
            for number in range(7)
        )
    return provider


@pytest.fixture
def olive(provider: Provider) -> User:
    """The Owner of the provider."""
    return create_persona(
        provider=provider, role=Role.OWNER, name="Olive", email="olive@vereinbart.example"
    )


def test_the_agreement_is_shown_changed_and_accepted(
    portal: str,
    provider: Provider,
    olive: User,
    open_page: OpenPage,
    stripe_of_portal: StripeStandIn,
) -> None:
    page = open_page(f"{portal}/account/billing/card/", person=olive)
    agreement = page.locator("#agreement-part")
    # Seven users at 3.50 dollars, and 8.25 percent of tax.
    for said in ("Workforce", "$3.50", "USD", "Sales tax 8.25 %", "$26.52", "$4,000.00"):
        expect(agreement).to_contain_text(said)
    complete(page)
    PackagePrice.objects.filter(package__name="Workforce").update(unit_price=Decimal(4))

    enter_card(page, FINE)

    changed = page.locator("#agreement-changed")
    expect(changed).to_contain_text("The agreement has changed")
    expect(changed).to_be_in_viewport()
    expect(changed).to_be_focused()
    expect(agreement).to_contain_text("$4.00")
    with provider_schema(provider):
        assert not Contract.objects.exists()

    page.get_by_role("button", name="Submit Payment Information").click()

    page.wait_for_url("**/account/billing/")
    expect(page.get_by_text("Visa ending in 4242").first).to_be_visible()
    with provider_schema(provider):
        contract = Contract.objects.get()
        acceptance = AgreementAcceptance.objects.get()
        assert (contract.unit_price, acceptance.contract) == (Decimal(4), contract)
        assert contract.billed_from is not None


@pytest.mark.parametrize("look", product(["light", "dark"], [PHONE, TABLET, DESKTOP]))
@pytest.mark.usefixtures("stripe_of_portal")
def test_the_agreement_and_the_leave_page_are_accessible(
    portal: str,
    olive: User,
    open_page: OpenPage,
    violations: Callable[[Page], Any],
    look: tuple[str, int],
) -> None:
    theme, width = look
    for path in ("/account/billing/card/", "/account/leave/"):
        page = open_page(f"{portal}{path}", person=olive, theme=theme, width=width)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
