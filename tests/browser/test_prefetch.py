"""The page behind a link is fetched while the pointer rests on it: plain pages only, once."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, Response

from accounts.models import Provider, User
from accounts.roles import Role
from core.schema import provider_schema
from tenants.models import Organization
from tests.personas import create_persona

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]
EARLY = "prefetch"
# Longer than the pointer has to rest on a link.
REST_MS = 600
DELIVERED = "performance.getEntriesByType('navigation')[0].deliveryType"


@pytest.fixture
def bill(own_provider: Callable[..., Provider]) -> User:
    """Bill, whose provider has one organization."""
    provider = own_provider()
    with provider_schema(provider):
        Organization.objects.create(name="Acme")
    return create_persona(
        provider=provider, role=Role.BILLING_ADMIN, name="Bill", email="bill@prefetch.example"
    )


def is_early(response: Response) -> bool:
    return EARLY in response.request.headers.get("sec-purpose", "")


def early_pages(page: Page) -> list[str]:
    """The paths that this page fetches before a click; it grows."""
    paths: list[str] = []

    def note(request: Request) -> None:
        if EARLY in request.headers.get("sec-purpose", ""):
            paths.append(urlsplit(request.url).path)

    page.on("request", note)
    return paths


def test_a_link_on_which_the_pointer_rests_is_fetched_once_and_shown_from_there(
    portal: str, open_page: OpenPage, bill: User
) -> None:
    page = open_page(f"{portal}/organizations/", person=bill)
    early = early_pages(page)
    for name, path in (("Usage", "/account/usage/"), ("Acme", None)):
        link = page.get_by_role("link", name=name, exact=True)
        with page.expect_response(is_early):
            link.hover()
        assert path is None or early == [path]
    assert len(early) == 2
    page.get_by_role("link", name="Acme", exact=True).click()
    page.wait_for_url(re.compile(r"/organizations/\d+/$"))
    assert page.evaluate(DELIVERED) == "navigational-prefetch"
    with page.expect_response(is_early):
        page.locator(".tab-link", has_text="Devices").hover()


def test_files_dialogs_and_what_has_effects_are_not_fetched(
    portal: str, open_page: OpenPage, bill: User
) -> None:
    page = open_page(f"{portal}/account/usage/", person=bill)
    early = early_pages(page)
    for link in (
        page.get_by_role("link", name="Download CSV"),
        page.get_by_role("link", name="Edit cap of Acme"),
        page.get_by_role("columnheader", name="Organization").get_by_role("link"),
        page.locator("[data-search-link]"),
        # The page that is open.
        page.get_by_role("link", name="Usage", exact=True),
    ):
        link.hover()
        page.wait_for_timeout(REST_MS)
    assert early == []
    # A pointer that passes by fetches nothing.
    page.locator(".nav a").evaluate_all(
        "links => links.forEach(link => link.dispatchEvent("
        "new PointerEvent('pointermove', {bubbles: true, pointerType: 'mouse'})))"
    )
    page.mouse.move(900, 700)
    page.wait_for_timeout(REST_MS)
    assert early == []


def test_what_was_fetched_before_a_change_is_not_shown(
    portal: str, open_page: OpenPage, bill: User
) -> None:
    page = open_page(f"{portal}/account/usage/", person=bill)
    with page.expect_response(is_early):
        page.get_by_role("link", name="Organizations", exact=True).hover()
    assert page.locator("script[type=speculationrules]").count() == 1
    page.evaluate("document.body.dispatchEvent(new Event('submit', {bubbles: true}))")
    assert page.locator("script[type=speculationrules]").count() == 0
    page.mouse.move(900, 700)
    page.get_by_role("link", name="Organizations", exact=True).press("Enter")
    page.wait_for_url(f"{portal}/organizations/")
    assert page.evaluate(DELIVERED) != "navigational-prefetch"
