"""Takes the pictures of the README from a running portal with the demo data.

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
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}


def _signed_in(browser: Browser, base: str, *, theme: str, size: ViewportSize) -> Page:
    page = browser.new_page(
        viewport=size, color_scheme=theme, base_url=base, reduced_motion="reduce"
    )
    page.goto("/accounts/login/")
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


def _save_invoice(page: Page) -> None:
    """Save pictures of an invoice's page and of the first page of its PDF."""
    page.goto("/account/payments/")
    _save(page, "payments-light.png")
    page.get_by_role("rowheader").first.get_by_role("link").click()
    page.set_viewport_size({"width": 1280, "height": 1100})
    _save(page, "invoice-light.png")
    page.set_viewport_size(DESKTOP)
    with page.expect_download() as download:
        page.get_by_role("link", name="PDF").first.click()
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
        page = _signed_in(browser, base, theme="light", size=DESKTOP)
        page.goto("/account/usage/")
        _save(page, "usage-light.png")
        _save_invoice(page)
        page.goto("/account/billing/card/")
        page.frame_locator("#card-element iframe").locator("#number").wait_for()
        page.locator("#card-form").scroll_into_view_if_needed()
        _save(page, "card-light.png")

        page = _signed_in(browser, base, theme="dark", size=DESKTOP)
        page.goto("/account/usage/")
        page.get_by_role("link", name="Edit cap of Bright Oak Academy").click()
        page.get_by_role("dialog").wait_for()
        _save(page, "cap-dark.png")
        page = _signed_in(browser, base, theme="dark", size=PHONE)
        page.goto("/account/usage/")
        _save(page, "phone-dark.png")
        browser.close()


if __name__ == "__main__":
    take(sys.argv[1])
