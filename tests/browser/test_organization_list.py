"""The list of organizations in a browser: by keyboard, without scripts, and within its card."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Provider, User
from accounts.roles import Role
from core.actors import SYSTEM_ACTOR
from core.schema import provider_schema
from tenants.models import MeteringPolicy, Organization
from tenants.organizations.tags import add_tag
from tests.browser.conftest import DESKTOP, PHONE, TABLET
from tests.cap_requests import contract
from tests.personas import create_persona
from tests.usage.counting import add

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]
Violations = Callable[[Page], list[str]]
NOW = datetime(2026, 11, 1, 0, 6, tzinfo=UTC)
ALL = "columns=users,hwm,cap,trend,cost,alerts,tags,devices,created"
OUTSIDE = """
    [...document.querySelectorAll(".table-wrap, .menu-panel")].filter((box) => {
        const frame = box.getBoundingClientRect();
        const spills = box.scrollWidth > box.clientWidth + 1;
        const isOut = box.checkVisibility() && (frame.left < 0 || frame.right > innerWidth);
        return isOut || (spills && getComputedStyle(box).overflowX === "visible");
    }).map((box) => box.className)
"""


@pytest.fixture
def bill(own_provider: Callable[..., Provider]) -> User:
    provider = own_provider()
    with provider_schema(provider):
        MeteringPolicy.objects.update(free_user_limit=None)
        contract().save()
        acme = Organization.objects.create(name="Acme Manufacturing and Sons", user_cap=3)
        add(acme, *[NOW] * 3)
        add_tag(organization=acme, text="Healthcare east", actor=SYSTEM_ACTOR, now=NOW)
        Organization.objects.create(name="Northwind Traders International", user_cap=1_000)
    return create_persona(
        provider=provider, role=Role.BILLING_ADMIN, name="Bill", email="bill@list.example"
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_leaves_its_card_and_all_is_accessible(
    theme: str, portal: str, open_page: OpenPage, violations: Violations, bill: User
) -> None:
    for width in (PHONE, TABLET, DESKTOP):
        page = open_page(f"{portal}/organizations/?{ALL}", person=bill, width=width, theme=theme)
        for menu in (None, "Columns", "Views"):
            if menu:
                page.locator("summary", has_text=menu).click()
            assert page.evaluate(OUTSIDE) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert violations(page) == []
        page.goto(f"{portal}/account/caps/")
        assert page.evaluate(OUTSIDE) == []
        assert violations(page) == []


def test_columns_and_views_by_keyboard(portal: str, open_page: OpenPage, bill: User) -> None:
    page = open_page(f"{portal}/organizations/", person=bill)
    page.locator("#sort-trouble").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#sort-trouble")).to_have_attribute("aria-current", "true")
    expect(page.locator("#sort-trouble")).to_be_focused()
    page.locator("summary", has_text="Columns").focus()
    page.keyboard.press("Enter")
    devices = page.get_by_role("checkbox", name="Devices")
    devices.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="Devices")).to_be_visible()
    assert "sort=trouble" in page.url
    page.locator("summary", has_text="Views").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Save this view as").focus()
    page.keyboard.type("With devices")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="With devices is saved")).to_be_visible()
    assert "columns=" in page.url
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="Acme Manufacturing and Sons")).to_be_focused()


def test_it_works_without_scripts(portal: str, open_page: OpenPage, bill: User) -> None:
    page = open_page(f"{portal}/organizations/?sort=-cost", person=bill, scripts=False)
    assert page.get_by_role("rowheader").all_inner_texts()[0] == "Acme Manufacturing and Sons"
    page.locator("summary", has_text="Columns").click()
    page.get_by_role("checkbox", name="Cost").uncheck()
    page.get_by_role("button", name="Show these").click()
    expect(page.get_by_role("columnheader", name="Cost")).to_have_count(0)
    page.get_by_label("Tag", exact=True).select_option("healthcare east")
    page.get_by_role("button", name="Show", exact=True).click()
    assert "tag=healthcare" in page.url
    assert "sort=-cost" in page.url
    assert page.get_by_role("rowheader").all_inner_texts()[0] == "Acme Manufacturing and Sons"
