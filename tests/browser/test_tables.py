"""Wide tables beside the menu of a tablet: the page does not scroll sideways."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Provider
from accounts.roles import Role
from billing.models import Invoice
from core.schema import provider_schema
from tenants.models import MeteringPolicy, Organization
from tests.billing.invoice_contents import issued
from tests.browser.conftest import DESKTOP, PHONE, TABLET
from tests.personas import create_persona
from tests.usage.counting import add

pytestmark = pytest.mark.browser
NOW = datetime(2026, 11, 1, 0, 6, tzinfo=UTC)


@pytest.fixture
def provider(own_provider: Callable[..., Provider]) -> Provider:
    """An organization at its cap, and an overdue invoice of five digits."""
    provider = own_provider()
    with provider_schema(provider):
        MeteringPolicy.objects.update(free_user_limit=None)
        acme = Organization.objects.create(name="Acme Manufacturing and Sons", user_cap=3)
        add(acme, *[NOW] * 3)
        Organization.objects.create(name="Northwind Traders", user_cap=1_000)
        invoice = issued(count=2, number="NORTH-000001", month=date(2026, 9, 1), issued_at=NOW)
        Invoice.objects.filter(pk=invoice.pk).update(
            subtotal_minor=1_234_567, tax_minor=0, total_minor=1_234_567, due_date=date(2026, 10, 1)
        )
    return provider


@pytest.mark.parametrize("path", ["/account/usage/", "/account/payments/"])
def test_the_page_does_not_scroll_sideways(
    provider: Provider, portal: str, open_page: Callable[..., Page], path: str
) -> None:
    bill = create_persona(
        provider=provider, role=Role.BILLING_ADMIN, name="Bill", email=f"bill@{len(path)}.example"
    )
    for width in (TABLET, DESKTOP, PHONE):
        page = open_page(portal + path, person=bill, width=width)
        expect(page.locator(".data-table")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_menu_in_a_row_is_in_sight_and_makes_the_table_no_taller(
    provider: Provider, portal: str, open_page: Callable[..., Page]
) -> None:
    bill = create_persona(
        provider=provider, role=Role.BILLING_ADMIN, name="Bill", email="bill@menu.example"
    )
    for width in (PHONE, TABLET, DESKTOP):
        page = open_page(f"{portal}/account/payments/", person=bill, width=width)
        page.locator(".data-table summary").click()
        panel = page.locator(".data-table .menu-panel")
        expect(panel).to_be_visible()
        box = panel.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= 900
        taller = "wrap => wrap.scrollHeight - wrap.clientHeight"
        assert page.locator(".table-wrap").evaluate(taller) <= 1
        # In front of everything: a click on its last entry hits it.
        panel.get_by_role("link").last.click(trial=True)
        page.keyboard.press("Escape")
        expect(panel).to_be_hidden()
