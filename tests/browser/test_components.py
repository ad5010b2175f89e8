"""The style guide and the sign-in pages in both themes, on a phone and by keyboard."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]
GUIDE = "/styleguide/"
DIALOG = "/styleguide/?dialog=open"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_components_and_sign_in_are_accessible_and_fit_the_screen(
    portal: str,
    open_page: OpenPage,
    violations: Callable[[Page], list[str]],
    theme: str,
    width: int,
) -> None:
    for path in (GUIDE, DIALOG, "/accounts/login/", "/accounts/password/reset/"):
        page = open_page(portal + path, theme=theme, width=width)
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_dialog_closed_by_keyboard_restores_url_and_focus(
    portal: str, open_page: OpenPage
) -> None:
    page = open_page(f"{portal}{GUIDE}?sort=name&filter=near")
    opener = page.get_by_role("link", name="Open the dialog")
    opener.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog:modal")
    expect(page.get_by_role("dialog").get_by_label("User cap")).to_be_focused()
    assert page.url.endswith(DIALOG)

    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(opener).to_be_focused()
    assert page.url.endswith("?sort=name&filter=near")


def test_a_dialog_opened_by_url_closes_to_its_page(portal: str, open_page: OpenPage) -> None:
    page = open_page(portal + DIALOG)
    page.wait_for_selector("dialog:modal")
    page.get_by_role("dialog").get_by_role("link", name="Cancel").click()
    assert page.url == portal + GUIDE


def test_the_server_renders_the_next_page_in_the_chosen_theme(
    portal: str, open_page: OpenPage
) -> None:
    page = open_page(f"{portal}/accounts/login/", theme="light")
    page.get_by_role("button", name="Dark").click()
    response = page.reload()
    assert response is not None
    assert 'data-theme="mtp-dark"' in response.text()

    page.get_by_role("button", name="Auto").click()
    response = page.reload()
    assert response is not None
    assert "data-theme=" not in response.text()


def test_a_search_keeps_sorting_and_filter(portal: str, open_page: OpenPage) -> None:
    page = open_page(f"{portal}{GUIDE}?sort=name&filter=near&page=2")
    page.get_by_label("Search organizations").press_sequentially("ald", delay=20)
    page.wait_for_url(f"{portal}{GUIDE}?sort=name&filter=near&q=ald")


def test_menu_and_dialog_work_without_scripts(portal: str, open_page: OpenPage) -> None:
    page = open_page(portal + DIALOG, width=PHONE, scripts=False)
    expect(page.get_by_role("dialog").get_by_label("User cap")).to_be_visible()
    expect(page.locator("#sidebar")).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(page.locator("#sidebar")).to_be_visible()


def test_a_request_without_answer_shows_a_message(portal: str, open_page: OpenPage) -> None:
    page = open_page(portal + GUIDE)
    page.evaluate("document.body.dispatchEvent(new CustomEvent('htmx:sendError', {bubbles: true}))")
    expect(page.get_by_text("The portal did not answer.")).to_be_visible()
