"""Every page of the portal in Chromium; a new one joins from the URL configuration by itself."""

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
from tests.browser.conftest import DESKTOP, PHONE
from tests.personas import create_persona
from tests.routes import all_routes
from tests.sandbox_fixtures import StripeStandIn
from tests.test_isolation import ROWS_BY_PARAMETER, VALUES_BY_PARAMETER

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]
Violations = Callable[[Page], list[str]]
# One long word, one long sentence, and one written from right to left.
LONG_NAMES = ("Donaudampfschifffahrtselektrizitaetenhauptbetriebswerk" * 2, "Acme & Sons " * 16)
HEBREW = "אקדמיית אלון ירושלים"


@pytest.fixture
def house(own_provider: Callable[..., Provider]) -> Provider:
    """A provider with rows on each of its pages."""
    return own_provider(canary="Langhaus")


@pytest.fixture
def norms(house: Provider) -> dict[str, Any]:
    """Ids for the parameters of addresses; beside them rows with names that are hard to lay out."""
    create_persona(
        provider=house, role=Role.BILLING_ADMIN, name="Bill Langhaus", email="bill@langhaus.example"
    )
    with provider_schema(house):
        organization = Organization.objects.create(name=HEBREW, user_cap=10)
        ids = {name: make(organization).pk for name, make in ROWS_BY_PARAMETER.items()}
        for name in LONG_NAMES:
            ROWS_BY_PARAMETER["user_id"](Organization.objects.create(name=name[:200]))
    return ids | VALUES_BY_PARAMETER


def pages_of(person: User, values: dict[str, Any]) -> Iterator[str]:
    """The addresses that answer this person with a page of the portal's own."""
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
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
            yield address


def faults(page: Page, address: str, violations: Violations) -> list[str]:
    """What is wrong with a page at either width and in either theme."""
    found = []
    for theme, width in (("light", DESKTOP), ("dark", PHONE)):
        # Loaded anew in each: what changes its colours in place is measured half-way now and then.
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
    return [f"{page.url} {fault}" for fault in found]


Look = Callable[[User, list[str]], None]


@pytest.fixture
def look(portal: str, open_page: OpenPage, violations: Violations) -> Look:
    """`look(person, addresses)`: asserts that all these pages of the person are without fault."""

    def at(person: User, addresses: list[str]) -> None:
        page = open_page(portal + addresses[0], person=person)
        found = []
        for address in addresses:
            found += faults(page, portal + address, violations)
        assert found == []

    return at


def test_pages_of_a_provider(
    house: Provider, norms: dict[str, int], look: Look, stripe_of_portal: StripeStandIn
) -> None:
    owner = create_persona(
        provider=house, role=Role.OWNER, name="Olive Langhaus", email="olive@langhaus.example"
    )
    addresses = list(pages_of(owner, norms))
    one = f"/organizations/{norms['organization_id']}/"
    assert {"/account/usage/", "/account/billing/card/", one, f"{one}users/"} <= set(addresses)
    look(owner, addresses)


def test_pages_of_an_organization(house: Provider, norms: dict[str, int], look: Look) -> None:
    otto = create_persona(
        provider=house,
        role=Role.ORGANIZATION_ADMIN,
        name="Otto Langhaus",
        email="otto@langhaus.example",
        organization_id=norms["organization_id"],
    )
    addresses = list(pages_of(otto, norms))
    assert {"/organization/", "/organization/users/", "/organization/devices/add/"} <= set(
        addresses
    )
    look(otto, addresses)


def test_empty_and_refused_pages(house: Provider, look: Look) -> None:
    rita = create_persona(
        provider=house, role=Role.READ_ONLY, name="Rita Langhaus", email="rita@langhaus.example"
    )
    refused, missing = "/account/billing/", "/nowhere/"
    empty = ["/organizations/", "/account/usage/", "/account/usage/?q=nobody"]
    look(rita, [*empty, refused, missing])
