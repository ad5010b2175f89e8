"""The page after adding a card in Chromium: it refreshes until each invoice has a result."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Provider
from accounts.roles import Role
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tests.billing.conftest import NOVEMBER, BillingScenario
from tests.billing.payments.test_charging import set_card_answer
from tests.browser.conftest import DESKTOP, PHONE
from tests.personas import create_persona
from tests.sandbox_fixtures import StripeStandIn

pytestmark = pytest.mark.browser


def test_the_page_shows_the_result_of_each_charge(
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
        for number in range(2):
            scenario.invoice(
                month=f"2026-{9 - number:02d}-01", issued_at=NOVEMBER - timedelta(days=30 * number)
            )
        card = scenario.card()
        set_card_answer(scenario, "insufficient_funds")
    address = f"{portal}/account/billing/card/{card.pk}/charges/"
    page = open_page(address, person=person)
    expect(page.locator("#card-charges")).to_contain_text("Waiting for its turn")

    OutboxMessage.objects.filter(topic__contains="mail").delete()
    deliver_due(now=timezone.now(), schema=provider.schema_name, limit=2)
    with provider_schema(provider):
        set_card_answer(scenario, "approve")
    deliver_due(now=timezone.now(), schema=provider.schema_name)

    expect(page.locator("#card-charges")).to_contain_text("Every invoice has its result")
    expect(page.locator("#card-charges")).to_contain_text("insufficient funds")
    expect(page.locator("#card-charges")).to_contain_text("Paid in full")
    for theme in ("light", "dark"):
        for width in (DESKTOP, PHONE):
            page = open_page(address, person=person, theme=theme, width=width)
            assert violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
