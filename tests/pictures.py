"""Takes the pictures of the README from a running portal with the demo data, in both themes.

`python -m tests.pictures http://127.0.0.1:8000` writes docs/pictures/*.png.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from mtp.demo.companies import PASSWORD
from tests.chromium import ARGUMENTS

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"
OWNER = "owner@demo.example"
COLORS = 192
# Milliseconds that a page may take, also on a machine that does much else.
LONGEST_WAY = 120_000
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}


def _signed_in(browser: Browser, base: str, *, theme: str, size: ViewportSize) -> Page:
    page = browser.new_page(
        viewport=size, color_scheme=theme, base_url=base, reduced_motion="reduce"
    )
    page.goto("/accounts/login/")
    page.set_default_timeout(LONGEST_WAY)
    page.get_by_label("E-mail").fill(OWNER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", level=1).wait_for()
    return page


def _save(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    target = PICTURES / name
    page.screenshot(path=target)
    _shrink(target)


def _shrink(target: Path) -> None:
    with Image.open(target) as picture:
        picture.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(
            target, optimize=True
        )


def _take_all(page: Page, theme: str) -> None:
    """The pages on a desktop."""
    for name, address in (("home", "/dashboard/"), ("organizations", "/organizations/")):
        page.goto(address)
        _save(page, f"{name}-{theme}.png")
    page.goto("/account/usage/")
    _save(page, f"usage-{theme}.png")
    page.get_by_role("link", name="Edit cap of Bright Oak Academy").click()
    page.get_by_role("dialog").wait_for()
    _save(page, f"cap-{theme}.png")
    page.goto("/account/payments/")
    _save(page, f"payments-{theme}.png")
    page.get_by_role("rowheader").get_by_role("link").first.click()
    page.set_viewport_size({"width": 1280, "height": 1100})
    _save(page, f"invoice-{theme}.png")
    page.set_viewport_size(DESKTOP)
    page.goto("/account/billing/card/")
    page.frame_locator("#card-element iframe").locator("#number").wait_for()
    page.locator("#card-form").scroll_into_view_if_needed()
    _save(page, f"card-{theme}.png")


def _save_pdf(page: Page) -> None:
    """The first page of the newest invoice's PDF."""
    page.goto("/account/payments/")
    page.get_by_role("rowheader").get_by_role("link").first.click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download Invoice").first.click()
    with tempfile.TemporaryDirectory() as folder:
        command = ["pdftoppm", "-png", "-singlefile", "-scale-to-x", "1280", "-scale-to-y", "-1"]
        subprocess.run([*command, download.value.path(), f"{folder}/page"], check=True)
        target = PICTURES / "invoice-pdf.png"
        Path(folder, "page.png").replace(target)
    _shrink(target)


def take(base: str) -> None:
    """Take all pictures; changes nothing in the portal."""
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        for theme in ("light", "dark"):
            page = _signed_in(browser, base, theme=theme, size=DESKTOP)
            _take_all(page, theme)
            page.set_viewport_size(PHONE)
            page.goto("/account/usage/")
            _save(page, f"phone-{theme}.png")
        _save_pdf(page)
        browser.close()


if __name__ == "__main__":
    take(sys.argv[1])
