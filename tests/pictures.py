"""The pictures of the README, taken from a running portal with its demo data.

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
COLOURS = 192
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


def _keep(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    target = PICTURES / name
    page.screenshot(path=target)
    _shrink(target)


def _shrink(target: Path) -> None:
    with Image.open(target) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(
            target, optimize=True
        )


def _keep_invoice(page: Page) -> None:
    """The invoice's page, and the first sheet of its PDF."""
    page.goto("/account/payments/")
    _keep(page, "payments-light.png")
    page.get_by_role("rowheader").first.get_by_role("link").click()
    page.set_viewport_size({"width": 1280, "height": 1100})
    _keep(page, "invoice-light.png")
    page.set_viewport_size(DESKTOP)
    with page.expect_download() as download:
        page.get_by_role("link", name="PDF").first.click()
    with tempfile.TemporaryDirectory() as folder:
        command = ["pdftoppm", "-png", "-singlefile", "-scale-to-x", "1280", "-scale-to-y", "-1"]
        subprocess.run([*command, download.value.path(), f"{folder}/sheet"], check=True)
        target = PICTURES / "invoice-pdf.png"
        Path(folder, "sheet.png").replace(target)
    _shrink(target)


def take(base: str) -> None:
    """Take all of them; the portal's data are only read."""
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        page = _signed_in(browser, base, theme="light", size=DESKTOP)
        page.goto("/account/usage/")
        _keep(page, "usage-light.png")
        _keep_invoice(page)
        page.goto("/account/billing/card/")
        page.frame_locator("#card-element iframe").locator("#number").wait_for()
        page.locator("#card-form").scroll_into_view_if_needed()
        _keep(page, "card-light.png")

        page = _signed_in(browser, base, theme="dark", size=DESKTOP)
        page.goto("/account/usage/")
        page.get_by_role("link", name="Edit cap of Bright Oak Academy").click()
        page.get_by_role("dialog").wait_for()
        _keep(page, "cap-dark.png")
        page = _signed_in(browser, base, theme="dark", size=PHONE)
        page.goto("/account/usage/")
        _keep(page, "phone-dark.png")
        browser.close()


if __name__ == "__main__":
    take(sys.argv[1])
