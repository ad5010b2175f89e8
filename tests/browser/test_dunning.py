"""Banners and modal of an outstanding balance, in both themes, on desktop and phone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page

from accounts.models import Provider, User
from accounts.roles import Role
from billing.dunning.status import update_dunning
from billing.models import Payment
from core.schema import provider_schema
from tests.billing.invoice_contents import issued
from tests.browser.conftest import DESKTOP, PHONE
from tests.personas import create_persona
from tests.sandbox_fixtures import StripeStandIn

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]
PAGES = {1: "/organizations/", 30: "/account/payments/", 45: "/organizations/"}


@pytest.fixture
def bill(own_provider: Callable[..., Provider]) -> User:
    return create_persona(
        provider=own_provider(), role=Role.BILLING_ADMIN, name="Bill", email="bill@wegwerf.example"
    )


def make_overdue(provider: Provider, *, days: int) -> None:
    """Issue an invoice that was due `days` ago, and update dunning."""
    now = timezone.now()
    due = now.astimezone(provider.billing_zone()).date() - timedelta(days=days)
    with provider_schema(provider):
        invoice = issued(count=1, number="OWN-000001", issued_at=datetime(2026, 1, 1, tzinfo=UTC))
        type(invoice).objects.update(due_date=due)
        update_dunning(now=now)


def pay(provider: Provider) -> None:
    """Record a bank transfer of the whole invoice."""
    from billing.models import Invoice

    with provider_schema(provider):
        invoice = Invoice.objects.get()
        Payment.objects.create(
            invoice=invoice,
            method=Payment.Method.BANK_TRANSFER,
            amount_minor=invoice.total_minor,
            currency="USD",
            received_at=timezone.now(),
        )


@pytest.mark.parametrize("days", PAGES)
def test_the_banner_of_each_step_is_accessible(
    days: int,
    bill: User,
    portal: str,
    open_page: OpenPage,
    violations: Callable[[Page], list[str]],
) -> None:
    make_overdue(bill.provider, days=days)
    for theme in ("light", "dark"):
        for width in (DESKTOP, PHONE):
            page = open_page(portal + PAGES[days], theme=theme, width=width, person=bill)
            assert page.locator(".shell-banners .banner").count() == 1
            assert violations(page) == []
            wider = page.evaluate(
                "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            )
            assert not wider
    plain = open_page(portal + PAGES[days], person=bill, scripts=False)
    assert plain.get_by_role("link", name="Update").first.is_visible()


def test_the_modal_stays_until_the_invoice_is_paid(
    bill: User, portal: str, stripe_of_portal: StripeStandIn, open_page: OpenPage
) -> None:
    make_overdue(bill.provider, days=45)
    page = open_page(portal + "/organizations/", person=bill)
    modal = page.get_by_role("dialog", name="Your account is suspended")
    modal.wait_for()
    page.keyboard.press("Escape")
    page.mouse.click(5, 5)
    assert modal.is_visible()
    assert page.url.endswith("/organizations/")

    modal.get_by_role("link", name="Update").click()
    page.get_by_role("heading", name="Outstanding balance").wait_for()
    assert page.locator("dialog").count() == 0
    page.goto(f"{portal}/organizations/")
    modal.wait_for()

    pay(bill.provider)
    page.reload()
    assert modal.count() == 0
    assert page.locator(".shell-banners .banner").count() == 0


def test_a_search_on_a_page_loaded_before_the_suspension_shows_the_modal(
    bill: User, portal: str, open_page: OpenPage
) -> None:
    page = open_page(portal + "/account/usage/", person=bill)
    make_overdue(bill.provider, days=60)
    page.evaluate("htmx.ajax('GET', '/account/usage/?q=a', {target: '#content'})")
    page.get_by_role("dialog", name="Your account is suspended").wait_for()
