"""Passkeys in Chromium, with a virtual authenticator: registered, then the only thing needed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from playwright.sync_api import Page, expect

from accounts.models import Provider, User
from accounts.roles import Role
from tests.personas import PASSWORD, create_persona

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]
# Where to keep pictures of the pages; empty: nowhere.
PICTURES = os.environ.get("PICTURES", "")


@pytest.fixture
def olive(own_provider: Callable[..., Provider]) -> User:
    """The Owner of a provider."""
    provider = own_provider(canary="Passkeeper", prefix="PASK")
    return create_persona(
        provider=provider, role=Role.OWNER, name="Olive Keeper", email="olive@keeper.example"
    )


def with_authenticator(page: Page) -> None:
    """Give the page's browser a device that keeps passkeys and confirms its person."""
    browser = page.context.new_cdp_session(page)
    browser.send("WebAuthn.enable")
    browser.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def sign_in(page: Page, person: User) -> None:
    page.get_by_label("E-mail").fill(person.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def sign_out(page: Page, address: str) -> None:
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.goto(f"{address}/accounts/login/")


def test_a_passkey_is_registered_and_signs_in(
    portal: str, olive: User, open_page: OpenPage
) -> None:
    # Browsers have passkeys for names, and for no number.
    address = portal.replace("127.0.0.1", "localhost")
    page = open_page(f"{address}/accounts/login/")
    with_authenticator(page)
    sign_in(page, olive)
    page.goto(f"{address}/profile/sign-in/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("Laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes", level=1)).to_be_visible()
    picture(page, "codes")
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("cell", name="Laptop", exact=True)).to_be_visible()
    expect(page.get_by_role("cell", name="without a password")).to_be_visible()
    picture(page, "security")
    assert Authenticator.objects.filter(user=olive).count() == 2

    sign_out(page, address)
    picture(page, "login")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{address}/dashboard/")

    sign_out(page, address)
    sign_in(page, olive)
    page.wait_for_url(f"{address}/accounts/login/code/")
    picture(page, "code")
    page.get_by_role("button", name="Use a passkey").click()
    picture(page, "trust")
    page.get_by_role("button", name="Trust it").click()
    page.wait_for_url(f"{address}/dashboard/")

    sign_out(page, address)
    sign_in(page, olive)
    page.wait_for_url(f"{address}/dashboard/")


def test_a_browser_that_has_no_passkey_says_so(
    portal: str, olive: User, open_page: OpenPage
) -> None:
    address = portal.replace("127.0.0.1", "localhost")
    page = open_page(f"{address}/accounts/login/")
    with_authenticator(page)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("The browser gave no passkey")


@pytest.mark.parametrize(
    ("theme", "width"), [("light", 390), ("light", 1280), ("dark", 1024), ("dark", 390)]
)
def test_the_pages_fit_and_are_accessible(  # noqa: PLR0917 - fixtures
    theme: str,
    width: int,
    portal: str,
    olive: User,
    open_page: OpenPage,
    violations: Callable[[Page], list[str]],
) -> None:
    for name, path in (
        ("security", "/profile/sign-in/"),
        ("app", "/profile/sign-in/app/add/"),
        ("passkey", "/profile/sign-in/passkeys/add/"),
        ("rule", "/account/security/"),
        ("confirm", "/accounts/reauthenticate/"),
    ):
        page = open_page(f"{portal}{path}", theme=theme, width=width, person=olive)
        picture(page, f"{name}-{theme}-{width}")
        assert violations(page) == [], path
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, path
        page.context.close()
