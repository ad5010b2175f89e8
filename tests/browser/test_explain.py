"""Explanation of a peak and usage history in Chromium: accessible, not clipped, searchable."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Provider, User
from accounts.roles import Role
from core.schema import provider_schema
from tenants.models import MeteringPolicy, Organization
from tests.personas import create_persona
from tests.usage.counting import add, add_devices, remove

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]
# Texts of charts that lie outside their card.
CLIPPED = """() => [...document.querySelectorAll(".chart text")].filter(text => {
    const box = text.getBoundingClientRect();
    const card = text.closest(".card").getBoundingClientRect();
    return box.width && (box.left < card.left || box.right > card.right || box.top < card.top);
}).map(text => text.textContent)"""


@pytest.fixture
def bakery(own_provider: Callable[..., Provider]) -> tuple[Organization, User]:
    """An organization with a year of usage, a peak early in the month, and a device."""
    provider = own_provider(canary="Warum", prefix="WHY")
    now = timezone.now()
    with provider_schema(provider):
        MeteringPolicy.objects.update(free_user_limit=None)
        organization = Organization.objects.create(
            name="Alder Dental Group", created_at=now - timedelta(days=300), user_cap=2000
        )
        users = add(organization, *[now - timedelta(days=290)] * 1200)
        remove(users[:100], now - timedelta(days=200))
        add(organization, now - timedelta(minutes=3), now - timedelta(minutes=2))
        add_devices(organization, now - timedelta(days=100))
    person = create_persona(
        provider=provider, role=Role.OWNER, name="Olive", email="olive@warum.example"
    )
    return organization, person


@pytest.mark.parametrize("look", [("light", 1280), ("dark", 390)])
def test_explanation_and_history_are_accessible_and_not_clipped(
    open_page: OpenPage,
    portal: str,
    bakery: tuple[Organization, User],
    violations: Callable[[Page], list[str]],
    look: tuple[str, int],
) -> None:
    organization, person = bakery
    theme, width = look
    month = f"{timezone.now():%Y-%m}"
    for path in (f"/account/usage/{organization.pk}/why/{month}/", "/account/usage/history/"):
        page = open_page(portal + path, theme=theme, width=width, person=person)
        assert page.evaluate(CLIPPED) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.get_by_text("Show as a table").click()
        expect(page.locator(".chart-data table")).to_be_visible()
        assert violations(page) == []


def test_a_search_among_counted_users_keeps_the_metric(
    open_page: OpenPage, portal: str, bakery: tuple[Organization, User]
) -> None:
    organization, person = bakery
    month = f"{timezone.now():%Y-%m}"
    address = f"{portal}/account/usage/{organization.pk}/why/{month}/?metric=devices"
    page = open_page(address, person=person)
    expect(page.get_by_role("heading", name="Why 1?")).to_be_visible()
    page.get_by_role("searchbox").fill("lap")
    page.wait_for_url("**q=lap**")
    expect(page.locator("#counted tbody tr")).to_have_count(1)
    expect(page.locator("#counted")).to_contain_text("Laptop")
    page.get_by_role("link", name="Counted since").click()
    page.wait_for_url("**sort=**")
    expect(page.locator("#counted")).to_contain_text("Laptop")


def test_a_pointer_and_the_arrow_keys_read_a_chart(
    open_page: OpenPage, portal: str, bakery: tuple[Organization, User]
) -> None:
    page = open_page(f"{portal}/account/usage/history/", person=bakery[1])
    plot, readout = page.locator(".chart-plot"), page.locator(".chart-readout")
    plot.focus()
    expect(readout).to_contain_text(f"{timezone.now():%B %Y} so far: ")
    page.keyboard.press("Home")
    first = readout.inner_text()
    page.keyboard.press("ArrowRight")
    expect(readout).not_to_have_text(first)
    plot.blur()
    expect(readout).to_be_empty()
    box = plot.bounding_box()
    assert box
    page.mouse.move(box["x"] + 3, box["y"] + box["height"] / 2)
    expect(readout).to_have_text(first)
