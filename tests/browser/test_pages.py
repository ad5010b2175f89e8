"""Every page of the portal in Chromium; the URL configuration lists them, so none is left out."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page

from accounts.models import Provider, User
from accounts.policies import policy_of
from accounts.roles import Role
from core.schema import provider_schema
from tenants.models import Organization
from tests.browser.conftest import DESKTOP, PHONE, TABLET
from tests.personas import create_persona
from tests.routes import all_routes
from tests.sandbox_fixtures import StripeStandIn
from tests.test_isolation import ROWS_BY_PARAMETER, VALUES_BY_PARAMETER

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]
Violations = Callable[[Page], list[str]]
# A long word, a long sentence, and a name written from right to left.
LONG_NAMES = ("Donaudampfschifffahrtselektrizitaetenhauptbetriebswerk" * 2, "Acme & Sons " * 16)
HEBREW = "אקדמיית אלון ירושלים"


@pytest.fixture
def provider(own_provider: Callable[..., Provider]) -> Provider:
    """A provider with rows on each of its pages."""
    return own_provider(canary="Langhaus")


@pytest.fixture
def ids(provider: Provider) -> dict[str, Any]:
    """Ids for the parameters of routes; further rows have names that are hard to lay out."""
    create_persona(
        provider=provider,
        role=Role.BILLING_ADMIN,
        name="Bill Langhaus",
        email="bill@langhaus.example",
    )
    with provider_schema(provider):
        organization = Organization.objects.create(name=HEBREW, user_cap=10)
        ids = {name: make(organization).pk for name, make in ROWS_BY_PARAMETER.items()}
        for name in LONG_NAMES:
            ROWS_BY_PARAMETER["user_id"](Organization.objects.create(name=name[:200]))
    return ids | VALUES_BY_PARAMETER


def pages_of(person: User, values: dict[str, Any]) -> Iterator[str]:
    """Paths at which this user gets a page of the portal, without pages of libraries."""
    client = Client()
    client.force_login(person)
    for route in all_routes():
        policy = policy_of(view=route.view, name=route.name, namespaces=route.namespaces)
        if policy is None or policy.is_public or route.namespaces:
            continue
        if not route.parameters <= set(values):
            continue
        address = route.url(values)
        answer = client.get(address)
        if answer.status_code != 200 or not answer["Content-Type"].startswith("text/html"):
            continue
        # A part that htmx puts into a page is no page.
        if "<!DOCTYPE html>" in answer.text:
            yield address


def defects(page: Page, address: str, violations: Violations) -> list[str]:
    """Accessibility violations and overflow of a page: light on a desktop, dark on a phone.

    On a tablet, overflow only.
    """
    found = []
    for theme, width in (("light", DESKTOP), ("dark", PHONE)):
        # Reload: colors that change in place are sometimes measured during the change.
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.goto(address)
        assert page.url == address
        if page.locator("#card-form").count():
            page.frame_locator("#card-element iframe").locator("#number").wait_for()
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            found.append(f"{wide} px wide at {width}")
        found += [f"{theme}: {violation}" for violation in violations(page)]
    page.set_viewport_size({"width": TABLET, "height": 900})
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > TABLET:
        found.append(f"{wide} px wide at {TABLET}")
    return [f"{page.url} {each}" for each in found]


Check = Callable[[User, list[str]], None]


@pytest.fixture
def check(portal: str, open_page: OpenPage, violations: Violations) -> Check:
    """`check(user, paths)`: asserts that these pages of the user have no defects."""

    def check(person: User, addresses: list[str]) -> None:
        page = open_page(portal + addresses[0], person=person)
        found = []
        for address in addresses:
            found += defects(page, portal + address, violations)
        assert not found, "\n".join(found)

    return check


def test_every_page_of_a_provider_is_accessible(
    provider: Provider, ids: dict[str, int], check: Check, stripe_of_portal: StripeStandIn
) -> None:
    owner = create_persona(
        provider=provider, role=Role.OWNER, name="Olive Langhaus", email="olive@langhaus.example"
    )
    addresses = list(pages_of(owner, ids))
    one = f"/organizations/{ids['organization_id']}/"
    assert {"/account/usage/", "/account/billing/card/", one, f"{one}users/"} <= set(addresses)
    check(owner, addresses)


def test_every_page_of_an_organization_is_accessible(
    provider: Provider, ids: dict[str, int], check: Check
) -> None:
    otto = create_persona(
        provider=provider,
        role=Role.ORGANIZATION_ADMIN,
        name="Otto Langhaus",
        email="otto@langhaus.example",
        organization_id=ids["organization_id"],
    )
    addresses = list(pages_of(otto, ids))
    assert {"/organization/", "/organization/users/", "/organization/devices/add/"} <= set(
        addresses
    )
    check(otto, addresses)


def test_empty_and_refused_pages_are_accessible(provider: Provider, check: Check) -> None:
    rita = create_persona(
        provider=provider, role=Role.READ_ONLY, name="Rita Langhaus", email="rita@langhaus.example"
    )
    refused, missing = "/account/billing/", "/nowhere/"
    empty = ["/organizations/", "/account/usage/", "/account/usage/?q=nothing"]
    check(rita, [*empty, refused, missing])
