"""The whole course of an unpaid invoice in the browser: banners, modal, card, restoration."""

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
# The other two, and what a screen reader meets, are tests/browser/test_dunning.py's.
VIEWS = (("light", DESKTOP), ("dark", PHONE))


class Course:
    """Bill's browsers while his provider's invoice grows old."""

    def __init__(self, provider: Provider, open_page: Callable[..., Page], portal: str) -> None:
        self.provider, self.portal, self._open = provider, portal, open_page
        self.bill = create_persona(
            provider=provider, role=Role.BILLING_ADMIN, name="Bill", email="bill@wegwerf.example"
        )

    def due(self, *, days_ago: int) -> None:
        """So many days later."""
        now = timezone.now()
        with provider_schema(self.provider):
            Invoice.objects.update(due_date=(now - timedelta(days=days_ago)).date())
            update_dunning(now=now)

    def open(self, path: str, *, person: User | None = None, **view: object) -> Page:
        """A page as Bill sees it, or somebody else."""
        return self._open(self.portal + path, person=person or self.bill, **view)

    def is_over_and_told(self) -> bool:
        """Whether no step holds any more, and a mail says that access is restored."""
        with provider_schema(self.provider):
            is_over = not DunningStep.objects.filter(ended_at=None).exists()
        mails = OutboxMessage.objects.filter(
            schema_name=self.provider.schema_name,
            topic="mail.send",
            payload__subject__icontains="restored",
        )
        return is_over and mails.exists()

    def look(self, path: str, name: str, *, to: Path) -> None:
        """The page at a desk and on a phone: nothing hangs out, and it is kept as a picture."""
        for theme, width in VIEWS:
            page = self.open(path, theme=theme, width=width)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.screenshot(path=to / f"{name}-{theme}-{width}.png")


@pytest.fixture
def course(
    own_provider: Callable[..., Provider],
    stripe_of_portal: StripeStandIn,
    portal: str,
    open_page: Callable[..., Page],
) -> Course:
    provider = own_provider()
    scenario = BillingScenario(provider=provider, stripe=stripe_of_portal)
    with provider_schema(provider):
        scenario.contract(starts_on="2026-01-01")
        scenario.invoice(collection=Collection.BY_INVOICE)
    return Course(provider, open_page, portal)


def test_from_outstanding_to_suspended_and_back(course: Course, tmp_path: Path) -> None:
    course.due(days_ago=1)
    page = course.open("/organizations/")
    expect(page.locator(".shell-banners .banner")).to_contain_text("$330.00")
    course.look("/organizations/", "1-outstanding", to=tmp_path)

    course.due(days_ago=30)
    page.reload()
    expect(page.locator(".shell-banners .banner-danger")).to_contain_text("30 days")
    course.look("/organizations/", "2-thirty-days", to=tmp_path)

    course.due(days_ago=45)
    page.reload()
    modal = page.get_by_role("dialog", name="Your account is suspended")
    expect(modal).to_be_visible()
    course.look("/organizations/", "3-suspended", to=tmp_path)

    modal.get_by_role("link", name="Update").click()
    expect(page.get_by_role("heading", name="Outstanding balance")).to_be_visible()
    course.look("/account/billing/", "4-update", to=tmp_path)
    complete(page)
    type_card(page, "4242424242424242")
    submit(page)
    expect(page.locator("#card-charges")).to_contain_text("Waiting for its turn")

    deliver_due(now=timezone.now(), schema=course.provider.schema_name)
    expect(page.locator("#card-charges")).to_contain_text("Paid in full")
    course.look(page.url.removeprefix(course.portal), "5-paid", to=tmp_path)

    page.goto(course.portal + "/organizations/")
    expect(page.get_by_role("heading", name="Organizations", exact=True)).to_be_visible()
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator(".shell-banners .banner")).to_have_count(0)
    course.look("/organizations/", "6-restored", to=tmp_path)
    assert course.is_over_and_told()


def test_without_billing_update_says_who_may_not(course: Course) -> None:
    adam = create_persona(
        provider=course.provider, role=Role.ADMIN, name="Adam", email="adam@wegwerf.example"
    )
    course.due(days_ago=1)
    page = course.open("/organizations/", person=adam)
    page.locator(".shell-banners").get_by_role("link", name="Update").click()
    expect(page.locator("main")).to_contain_text("permission to see payment information")

    course.due(days_ago=45)
    page.goto(course.portal + "/organizations/")
    modal = page.get_by_role("dialog", name="Your account is suspended")
    modal.get_by_role("link", name="Update").click()
    expect(page.locator("main")).to_contain_text("permission to see payment information")
