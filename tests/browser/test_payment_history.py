"""Payment History and an invoice's page in both themes, on desktop and phone."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page

from accounts.models import Provider
from accounts.roles import Role
from billing.documents import store
from billing.models import Invoice, Payment
from core.schema import provider_schema
from tests.billing.invoice_contents import issued
from tests.browser.conftest import DESKTOP, PHONE
from tests.personas import create_persona

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]
NOW = datetime(2026, 11, 1, 0, 6, tzinfo=UTC)


def invoices() -> Invoice:
    """Invoices of thirteen months: the last but one partially paid, the newest with documents."""
    for month in range(1, 13):
        older = issued(
            count=2, number=f"NORTH-{month:06d}", month=date(2025, month, 1), issued_at=NOW
        )
        Payment.objects.create(
            invoice=older,
            method=Payment.Method.CARD,
            amount_minor=older.total_minor if month < 12 else 1000,
            currency="USD",
            received_at=NOW,
        )
    newest = issued(count=60, number="NORTH-000013", issued_at=datetime(2026, 11, 2, tzinfo=UTC))
    store.render_documents(invoice=newest, now=NOW)
    return newest


def test_payment_pages_are_accessible_and_fit_the_screen(
    own_provider: Callable[..., Provider],
    portal: str,
    open_page: OpenPage,
    violations: Callable[[Page], list[str]],
) -> None:
    provider = own_provider()
    person = create_persona(
        provider=provider, role=Role.BILLING_ADMIN, name="Reader", email="reader@wegwerf.example"
    )
    with provider_schema(provider):
        newest = invoices()
    session = Client()
    session.force_login(person)
    cookie = {
        "name": settings.SESSION_COOKIE_NAME,
        "value": session.cookies[settings.SESSION_COOKIE_NAME].value,
        "url": portal,
    }
    for theme in ("light", "dark"):
        for width in (DESKTOP, PHONE):
            page = open_page(f"{portal}/accounts/login/", theme=theme, width=width)
            page.context.add_cookies([cookie])
            for path in ("/account/payments/", f"/account/payments/{newest.pk}/"):
                page.goto(portal + path)
                assert "NORTH-000013" in page.inner_text("main")
                assert violations(page) == []
                assert page.evaluate("document.documentElement.scrollWidth") <= width
