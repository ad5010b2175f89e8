"""A real Chromium for pages: `open_page(theme=…, width=…)` and `violations(page)` by axe."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

# Playwright's own event loop runs in the thread of the tests, which Django takes for an async one.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
DESKTOP = 1280
PHONE = 390


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests; each page has a context, so cookies, of its own."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """`open_page(address)`: a page in a fresh context; complaints of its console fail the test.

    `theme` light or dark as the system prefers, `width` in pixels, `scripts` False for none.
    """
    contexts = []
    complaints: list[str] = []

    def listen(message: Any) -> None:
        is_refused_page = "Failed to load" in message.text and "/static/" not in str(
            message.location
        )
        if message.type in {"error", "warning"} and not is_refused_page:
            complaints.append(message.text)

    def open_one(
        address: str, *, theme: str = "light", width: int = DESKTOP, scripts: bool = True
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=theme,
            java_script_enabled=scripts,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", listen)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def violations() -> Callable[[Page], list[str]]:
    """`violations(page)`: what axe finds, a line for each place."""

    def find(page: Page) -> list[str]:
        found = Axe().run(page).response["violations"]
        return [f"{rule['id']}: {node['html']}" for rule in found for node in rule["nodes"]]

    return find
