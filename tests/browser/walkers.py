"""Ways through the portal: by keyboard alone, by pointer, and by pointer without JavaScript.

A step is what a person does: following a link, pressing a button, typing into a field, choosing. A
page is what the browser loads or shows at a new address.
"""

import re
from typing import Protocol

from playwright.sync_api import Locator, Page, expect

# Tab stops of a page until the one that is wanted; a page with more is no page for a keyboard.
MOST_TABS = 150
# Milliseconds until a page is there, also on a machine that does much else.
PAGE_TIMEOUT = 30_000
# A pointer that is used tells so; a click by Enter or Space is none.
WATCH_POINTER = """
    for (const name of ["pointerdown", "mousedown", "touchstart"])
        addEventListener(name, () => console.error("A pointer was used."), true);
"""
IS_FOCUSED = "element => element === document.activeElement"


class Walker(Protocol):
    """A person who uses the portal in one way; `steps` counts what was done."""

    page: Page
    steps: int

    def activate(self, target: Locator) -> None:
        """Follow a link, press a button, or tick a box."""

    def type(self, target: Locator, text: str) -> None:
        """Replace the text of a field."""

    def choose(self, target: Locator) -> None:
        """Choose one of several radio buttons."""


class Pointer:
    """Clicks, and types into the field that was clicked."""

    def __init__(self, page: Page) -> None:
        self.page, self.steps = page, 0

    def activate(self, target: Locator) -> None:
        """See `Walker`."""
        self.steps += 1
        target.click()

    def type(self, target: Locator, text: str) -> None:
        """See `Walker`."""
        self.steps += 1
        target.click()
        target.fill(text)

    def choose(self, target: Locator) -> None:
        """See `Walker`."""
        self.activate(target)


class Keyboard:
    """Tab, Enter, Space and arrows; nothing else."""

    def __init__(self, page: Page) -> None:
        self.page, self.steps = page, 0
        page.context.add_init_script(WATCH_POINTER)
        page.reload()

    def _reach(self, target: Locator) -> None:
        expect(target).to_be_visible()
        for _ in range(MOST_TABS):
            if target.evaluate(IS_FOCUSED):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{target} is not reached by {MOST_TABS} tabs.")

    def activate(self, target: Locator) -> None:
        """See `Walker`."""
        self.steps += 1
        self._reach(target)
        is_box = target.evaluate("element => element.type === 'checkbox'")
        self.page.keyboard.press("Space" if is_box else "Enter")

    def type(self, target: Locator, text: str) -> None:
        """See `Walker`."""
        self.steps += 1
        self._reach(target)
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.type(text)

    def choose(self, target: Locator) -> None:
        """See `Walker`."""
        self.steps += 1
        name = target.get_attribute("name")
        chosen = self.page.locator(f"input[type=radio][name={name}]:checked")
        self._reach(chosen if chosen.count() else target)
        self.page.keyboard.press("ArrowDown")
        expect(target).to_be_checked()


def link(walker: Walker, name: str | re.Pattern[str]) -> Locator:
    """The link with exactly this name, or one that matches."""
    exact = isinstance(name, str)
    return walker.page.get_by_role("link", name=name, exact=exact).first


def button(walker: Walker, name: str | re.Pattern[str]) -> Locator:
    """The button with exactly this name, or one that matches."""
    exact = isinstance(name, str)
    return walker.page.get_by_role("button", name=name, exact=exact).first


def heading(walker: Walker, text: str | re.Pattern[str]) -> None:
    """Wait until the page has this heading."""
    expect(walker.page.get_by_role("heading", level=1)).to_have_text(text, timeout=PAGE_TIMEOUT)
