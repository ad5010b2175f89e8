"""Pages in Chromium: `open_page(address, theme=…, width=…)`, and `violations(page)` by axe."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from csp.constants import SELF
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page

from accounts.models import Package, PackagePrice, User
from mtp.content_policy import SPECULATION
from tests.sandbox_fixtures import StripeStandIn

DESKTOP = 1280
TABLET = 1024
PHONE = 390
# Without iframes: axe can't read Stripe's frame, which has another origin.
AXE_OPTIONS = {"resultTypes": ["violations"], "iframes": False}


def session_of(user: User, *, address: str) -> dict[str, str]:
    """The cookie of a session for the user, without the sign-in form."""
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    host = str(urlsplit(address).hostname)
    return {"name": name, "value": client.cookies[name].value, "domain": host, "path": "/"}


@pytest.fixture
def price_list(committed: None) -> Iterator[PackagePrice]:
    """Workforce at 3.50 dollars; removed afterwards, because later tests must not find it."""
    package = Package.objects.create(name="Workforce")
    price = PackagePrice.objects.create(
        package=package, currency="USD", valid_from="2020-01-01", unit_price=Decimal("3.50")
    )
    yield price
    price.delete()
    package.delete()


@pytest.fixture
def stripe_of_portal(stripe_account: StripeStandIn, settings: Any, portal: str) -> StripeStandIn:
    """The stand-in as Stripe of the running portal, in its server and its security policy."""
    directives = dict(settings.CONTENT_SECURITY_POLICY["DIRECTIVES"])
    for name in ("connect-src", "script-src"):
        directives[name] = [SELF, stripe_account.url]
    directives["script-src"].append(SPECULATION)
    directives["frame-src"] = [stripe_account.url]
    settings.CONTENT_SECURITY_POLICY = {
        **settings.CONTENT_SECURITY_POLICY,
        "DIRECTIVES": directives,
    }
    stripe_account.control("POST", "portal", url=portal)
    settings.STRIPE_API_KEY = stripe_account.secret_key
    settings.STRIPE_PUBLISHABLE_KEY = stripe_account.publishable_key
    settings.STRIPE_API_BASE = stripe_account.url
    settings.STRIPE_JS_URL = f"{stripe_account.url}/v3/"
    return stripe_account


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """`open_page(address)`: a page in a new context; console errors and warnings fail the test.

    `theme` is the system's preference, light or dark, `width` is in pixels, `scripts` turns
    JavaScript off, and `person` is the signed-in user.
    """
    contexts = []
    messages: list[str] = []

    def record(message: Any) -> None:
        is_refused_page = "Failed to load" in message.text and "/static/" not in str(
            message.location
        )
        if message.type in {"error", "warning"} and not is_refused_page:
            messages.append(f"{message.location.get('url', '')}: {message.text}")

    def open_page(
        address: str,
        *,
        theme: str = "light",
        width: int = DESKTOP,
        scripts: bool = True,
        person: User | None = None,
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=theme,
            java_script_enabled=scripts,
            # During a transition of colors, contrast is too low.
            reduced_motion="reduce",
        )
        contexts.append(context)
        if person is not None:
            context.add_cookies([session_of(person, address=address)])
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", record)
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert messages == []


@pytest.fixture
def violations() -> Callable[[Page], list[str]]:
    """`violations(page)`: accessibility violations that axe reports, one line per element."""

    def violations(page: Page) -> list[str]:
        rules = Axe().run(page, options=AXE_OPTIONS).response["violations"]
        return [f"{rule['id']}: {node['html']}" for rule in rules for node in rule["nodes"]]

    return violations
