"""By keyboard alone: the search, shortcuts, rows, and where the focus stays."""

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from accounts.models import Provider, User
from accounts.roles import Role
from core.schema import provider_schema
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tests.personas import create_persona

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]
Violations = Callable[[Page], list[str]]
ORGANIZATIONS = 60


@pytest.fixture
def bill(own_provider: Callable[..., Provider]) -> User:
    """Bill, whose provider has 60 organizations, the last of them with a user."""
    provider = own_provider()
    with provider_schema(provider):
        MeteringPolicy.objects.update(free_user_limit=None)
        made = Organization.objects.bulk_create(
            Organization(name=f"Client {number:02}") for number in range(ORGANIZATIONS)
        )
        ManagedUser.objects.create(organization=made[-1], email="jané@client.example", name="Jané")
    return create_persona(
        provider=provider, role=Role.BILLING_ADMIN, name="Bill", email="bill@keyboard.example"
    )


@pytest.mark.parametrize("key", ["/", "Control+k"])
def test_the_search_opens_finds_and_closes_by_keyboard(
    key: str, portal: str, open_page: OpenPage, violations: Violations, bill: User
) -> None:
    page = open_page(f"{portal}/account/usage/?q=client", person=bill)
    page.keyboard.press(key)
    field = page.get_by_role("combobox", name="Search")
    expect(field).to_be_focused()
    # Its first results: the form is served by then.
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.type("client 5")
    first = page.get_by_role("option", name="Client 50", exact=True)
    expect(first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    second = page.get_by_role("option", name="Client 51", exact=True)
    expect(second).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", str(second.get_attribute("id")))
    page.keyboard.press("ArrowUp")
    expect(field).to_be_focused()
    assert violations(page) == []

    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.url == f"{portal}/account/usage/?q=client"

    page.keyboard.press(key)
    expect(field).to_be_focused()
    page.keyboard.type("JANE@")
    expect(page.get_by_role("option").first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/organizations/\d+/users/\?q=jan"))
    expect(page.get_by_role("rowheader")).to_have_text("jané@client.example")


def test_the_search_works_without_scripts(
    portal: str, open_page: OpenPage, violations: Violations, bill: User
) -> None:
    page = open_page(f"{portal}/account/usage/", person=bill, scripts=False)
    page.locator("[data-search-link]").click()
    page.get_by_role("searchbox").fill("jane")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="jané@client.example").click()
    assert "/users/?q=jan" in page.url


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_are_accessible(
    theme: str, portal: str, open_page: OpenPage, violations: Violations, bill: User
) -> None:
    for path in ("/search/?q=client", "/search/?q=nothing", "/shortcuts/", "/people/"):
        page = open_page(portal + path, person=bill, theme=theme)
        assert violations(page) == [], path


def test_shortcuts_go_to_pages_but_not_while_typing(
    portal: str, open_page: OpenPage, bill: User
) -> None:
    page = open_page(f"{portal}/account/usage/", person=bill)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.locator("dialog:modal").wait_for()
    page.wait_for_url(f"{portal}/shortcuts/")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    page.get_by_role("searchbox").click()
    page.keyboard.type("go?/j")
    expect(page.get_by_role("searchbox")).to_have_value("go?/j")
    assert "/account/usage/" in page.url
    expect(page.get_by_role("dialog")).to_have_count(0)

    page.get_by_role("searchbox").blur()
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.wait_for_url(f"{portal}/organizations/")


def test_rows_are_reached_by_keys(portal: str, open_page: OpenPage, bill: User) -> None:
    page = open_page(f"{portal}/organizations/", person=bill)
    for key, name in (
        ("j", "00"),
        ("j", "01"),
        ("ArrowDown", "02"),
        ("k", "01"),
        ("ArrowUp", "00"),
    ):
        page.keyboard.press(key)
        expect(page.get_by_role("link", name=f"Client {name}", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/organizations/\d+/"))


def test_the_focus_stays_after_sort_filter_and_page(
    portal: str, open_page: OpenPage, bill: User
) -> None:
    page = open_page(f"{portal}/account/usage/", person=bill)
    said = page.locator("#announcement")
    header = page.get_by_role("columnheader", name="Organization").get_by_role("link")
    header.focus()
    page.keyboard.press("Enter")
    expect(said).to_have_text("Sorted by Organization, descending")
    expect(header).to_be_focused()

    page.get_by_role("link", name="Next", exact=True).focus()
    page.keyboard.press("Enter")
    expect(said).to_have_text(re.compile("51–60 of 60"))
    expect(page.get_by_role("link", name="Previous", exact=True)).to_be_focused()

    tab = page.locator(".filter-tab").nth(1)
    tab.focus()
    page.keyboard.press("Enter")
    expect(tab).to_have_attribute("aria-current", "true")
    expect(tab).to_be_focused()


def test_back_closes_a_dialog_that_has_an_address(
    portal: str, open_page: OpenPage, bill: User
) -> None:
    page = open_page(f"{portal}/account/usage/", person=bill)
    page.goto(f"{portal}/account/usage/?q=client+1")
    page.evaluate("window.isSamePage = true")
    edit = page.get_by_role("link", name="Edit").first
    edit.click()
    page.wait_for_selector("dialog:modal")
    assert page.url.endswith("/cap/?q=client+1")
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(edit).to_be_focused()
    assert page.url.endswith("/account/usage/?q=client+1")
    assert page.evaluate("window.isSamePage")

    edit.click()
    page.wait_for_selector("dialog:modal")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("window.isSamePage")
    page.go_back()
    assert page.url.endswith("/account/usage/"), "the closed dialog left no address behind"


def test_what_is_fetched_is_busy(portal: str, open_page: OpenPage, bill: User) -> None:
    page = open_page(f"{portal}/account/usage/", person=bill)

    def slowly(route: Route) -> None:
        time.sleep(0.6)
        route.continue_()

    page.route("**/account/usage/?sort=*", slowly)
    root = page.locator("html")
    page.get_by_role("columnheader", name="Organization").get_by_role("link").click()
    expect(page.locator("[aria-busy=true]")).to_have_count(1)
    expect(root).to_have_attribute("data-busy", "")
    expect(page.locator("[aria-busy]")).to_have_count(0)
    expect(root).not_to_have_attribute("data-busy", "")
