"""The alert pages in Chromium: accessibility, filters, acknowledging and undoing it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Provider, User
from accounts.roles import Role
from core.schema import provider_schema
from tenants.alerts import raise_alert
from tenants.alerts.rules import Condition
from tenants.models import Alert, Severity
from tenants.models.alerts import Kind
from tests.personas import create_persona

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]


@pytest.fixture
def olive(own_provider: Callable[..., Provider]) -> User:
    """An Owner with three open alerts."""
    provider = own_provider(canary="Alarm", prefix="ALARM")
    with provider_schema(provider):
        for name, severity in (
            ("fire", Severity.CRITICAL),
            ("flood", Severity.WARNING),
            ("fog", Severity.INFO),
        ):
            condition = Condition(name, Kind.SERVICE, severity, f"There is {name}")
            raise_alert(condition=condition, now=timezone.now())
    return create_persona(
        provider=provider, role=Role.OWNER, name="Olive", email="olive@alarm.example"
    )


@pytest.mark.parametrize("view", [{"width": 1280}, {"theme": "dark", "width": 390}])
def test_the_alert_pages_are_accessible(
    open_page: OpenPage,
    portal: str,
    olive: User,
    violations: Callable[[Page], list[str]],
    view: dict[str, Any],
) -> None:
    with provider_schema(olive.provider):
        alert = Alert.objects.first()
    assert alert is not None
    for path in ("/alerts/", f"/alerts/{alert.pk}/", "/alerts/mail/"):
        page = open_page(portal + path, **view, person=olive)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert violations(page) == []


def test_a_filter_keeps_the_others_and_one_checkbox_selects_all_alerts(
    open_page: OpenPage, portal: str, olive: User
) -> None:
    page = open_page(f"{portal}/alerts/", person=olive)
    rows = page.locator("#alerts tbody tr")
    page.get_by_label("Search alerts").fill("fl")
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="All", exact=True).click()
    expect(page).to_have_url(re.compile(r"q=fl.*filter=all"))
    page.get_by_label("Severity").select_option("warning")
    expect(page).to_have_url(re.compile(r"q=fl.*severity=warning.*filter=all"))

    page.goto(f"{portal}/alerts/")
    page.get_by_label("Select all that wait").check()
    page.get_by_role("button", name="Acknowledge", exact=True).click()
    expect(page.get_by_text("3 alerts were acknowledged.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("3 alerts wait again.")).to_be_visible()
    expect(page.get_by_label("Select all that wait")).to_be_visible()
