"""An unpaid invoice in Chromium, step by step: banners, modal, new card, restored access."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Provider, User
from accounts.roles import Role
from billing.choices import Collection
from billing.dunning.status import update_dunning
from billing.models import DunningStep, Invoice
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tests.billing.conftest import BillingScenario
from tests.browser.billing_form import complete
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_billing_card import submit, type_card
from tests.personas import create_persona
from tests.sandbox_fixtures import StripeStandIn

pytestmark = pytest.mark.browser
# tests/browser/test_dunning.py has the other two combinations, and accessibility.
VIEWS = (("light", DESKTOP), ("dark", PHONE))


class Story:
    """The pages of Bill, a billing administrator, while an invoice becomes overdue."""

    def __init__(self, provider: Provider, open_page: Callable[..., Page], portal: str) -> None:
        self.provider, self.portal, self._open = provider, portal, open_page
        self.bill = create_persona(
            provider=provider, role=Role.BILLING_ADMIN, name="Bill", email="bill@wegwerf.example"
        )

    def make_due(self, *, days_ago: int) -> None:
        """Move the invoice's due date, and update dunning."""
        now = timezone.now()
        with provider_schema(self.provider):
            Invoice.objects.update(due_date=(now - timedelta(days=days_ago)).date())
            update_dunning(now=now)

    def open(self, path: str, *, person: User | None = None, **view: object) -> Page:
        """Open a page as Bill or as another user."""
        return self._open(self.portal + path, person=person or self.bill, **view)

    def is_restored_and_announced(self) -> bool:
        """Whether no dunning step is open and a mail about restored access is queued."""
        with provider_schema(self.provider):
            is_over = not DunningStep.objects.filter(ended_at=None).exists()
        mails = OutboxMessage.objects.filter(
            schema_name=self.provider.schema_name,
            topic="mail.send",
            payload__subject__icontains="restored",
        )
        return is_over and mails.exists()

    def check(self, path: str, name: str, *, to: Path) -> None:
        """Check that the page fits a desktop and a phone, and save a picture of each."""
        for theme, width in VIEWS:
            page = self.open(path, theme=theme, width=width)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.screenshot(path=to / f"{name}-{theme}-{width}.png")


@pytest.fixture
def story(
    own_provider: Callable[..., Provider],
    stripe_of_portal: StripeStandIn,
    portal: str,
    open_page: Callable[..., Page],
) -> Story:
    provider = own_provider()
    scenario = BillingScenario(provider=provider, stripe=stripe_of_portal)
    with provider_schema(provider):
        scenario.contract(starts_on="2026-01-01")
        scenario.invoice(collection=Collection.BY_INVOICE)
    return Story(provider, open_page, portal)


def test_a_suspended_provider_pays_by_a_new_card_and_is_restored(
    story: Story, tmp_path: Path
) -> None:
    story.make_due(days_ago=1)
    page = story.open("/organizations/")
    expect(page.locator(".shell-banners .banner")).to_contain_text("$330.00")
    story.check("/organizations/", "1-outstanding", to=tmp_path)

    story.make_due(days_ago=30)
    page.reload()
    expect(page.locator(".shell-banners .banner-danger")).to_contain_text("30 days")
    story.check("/organizations/", "2-thirty-days", to=tmp_path)

    story.make_due(days_ago=45)
    page.reload()
    modal = page.get_by_role("dialog", name="Your account is suspended")
    expect(modal).to_be_visible()
    story.check("/organizations/", "3-suspended", to=tmp_path)

    modal.get_by_role("link", name="Update").click()
    expect(page.get_by_role("heading", name="Outstanding balance")).to_be_visible()
    story.check("/account/billing/", "4-update", to=tmp_path)
    complete(page)
    type_card(page, "4242424242424242")
    submit(page)
    expect(page.locator("#card-charges")).to_contain_text("Waiting for its turn")

    deliver_due(now=timezone.now(), schema=story.provider.schema_name)
    expect(page.locator("#card-charges")).to_contain_text("Paid in full")
    story.check(page.url.removeprefix(story.portal), "5-paid", to=tmp_path)

    page.goto(story.portal + "/organizations/")
    expect(page.get_by_role("heading", name="Organizations", exact=True)).to_be_visible()
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator(".shell-banners .banner")).to_have_count(0)
    story.check("/organizations/", "6-restored", to=tmp_path)
    assert story.is_restored_and_announced()


def test_an_administrator_without_billing_gets_no_payment_page(story: Story) -> None:
    adam = create_persona(
        provider=story.provider, role=Role.ADMIN, name="Adam", email="adam@wegwerf.example"
    )
    story.make_due(days_ago=1)
    page = story.open("/organizations/", person=adam)
    page.locator(".shell-banners").get_by_role("link", name="Update").click()
    expect(page.locator("main")).to_contain_text("permission to see payment information")

    story.make_due(days_ago=45)
    page.goto(story.portal + "/organizations/")
    modal = page.get_by_role("dialog", name="Your account is suspended")
    expect(modal).to_contain_text("Contact a user with the Administrator with Billing role")
    expect(modal.get_by_role("link", name="Update")).to_have_count(0)
