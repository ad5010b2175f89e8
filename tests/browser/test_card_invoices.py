"""The card page, invoices and a payment link in Chromium: what a card pays, and what it can't."""

import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Provider
from accounts.roles import Role
from billing.invoicing.small_balances import carry, small_balances
from billing.payment_links import payment_link
from core.schema import provider_schema
from tests.billing.conftest import BillingScenario
from tests.browser.conftest import DESKTOP, PHONE
from tests.personas import create_persona
from tests.sandbox_fixtures import StripeStandIn

pytestmark = pytest.mark.browser


def test_every_page_says_what_a_card_pays(
    own_provider: Callable[..., Provider],
    stripe_of_portal: StripeStandIn,
    portal: str,
    open_page: Callable[..., Page],
    violations: Callable[[Page], list[str]],
) -> None:
    provider = own_provider()
    scenario = BillingScenario(provider=provider, stripe=stripe_of_portal)
    person = create_persona(
        provider=provider, role=Role.BILLING_ADMIN, name="Bill", email="bill@wegwerf.example"
    )
    with provider_schema(provider):
        scenario.contract()
        scenario.invoice(month="2026-07-01", due_date=date(2026, 8, 1))
        scenario.invoice(
            month="2026-08-01",
            collection="by_invoice",
            due_date=date(2027, 1, 15),
            total_minor=5_000_000,
        )
        small = scenario.invoice(month="2026-09-01", total_minor=25)
        later = scenario.invoice(carried_in_minor=25)
        now = datetime(2026, 11, 1, tzinfo=UTC)
        carry(small_balances(), to=later, now=now)
        too_small = scenario.invoice(month="2026-06-01", total_minor=30)
        link = payment_link(invoice_id=too_small.pk, now=timezone.now())
    pay = portal + "/pay/" + link.partition("/pay/")[2]
    pages = {
        "card": (f"{portal}/account/billing/card/", "Also pay with this card"),
        "carried": (f"{portal}/account/payments/{small.pk}/", f"Carried to {later.number}"),
        "later": (f"{portal}/account/payments/{later.pk}/", f"Carried from {small.number}"),
        "history": (f"{portal}/account/payments/", f"carried to {later.number}"),
        "pay": (pay, "too small for a card"),
    }
    pictures = os.environ.get("PICTURES")
    for theme in ("light", "dark"):
        for width in (DESKTOP, PHONE):
            for name, (address, text) in pages.items():
                page = open_page(address, person=person, theme=theme, width=width)
                expect(page.locator("main")).to_contain_text(text)
                assert violations(page) == []
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                if pictures:
                    target = Path(pictures) / f"{name}-{theme}-{width}.png"
                    page.screenshot(path=target, full_page=True)
    page = open_page(pages["card"][0], person=person)
    assert not page.locator("input[name=pay_invoices]").is_checked()
    assert page.locator("#outstanding").inner_text().count("$330.") == 2
