"""Making an organization equal to a file, in Chromium: the choice, the guard, the result."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Provider
from accounts.roles import Role
from core.outbox.delivery import deliver_due
from core.schema import provider_schema
from tenants.models import ManagedUser, Organization
from tests.browser.conftest import DESKTOP, PHONE, TABLET
from tests.personas import create_persona
from tests.tenants.import_files import add, lift_allowance

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]


@pytest.fixture
def provider(own_provider: Callable[..., Provider]) -> Provider:
    return own_provider(canary="Abgleich")


@pytest.fixture
def acme(provider: Provider) -> Organization:
    with provider_schema(provider):
        lift_allowance()
        organization = Organization.objects.create(name="Acme Abgleich")
        for name in "abcdefghij":
            add(organization, f"{name}@acme.example")
    return organization


@pytest.fixture
def check(
    portal: str, open_page: OpenPage, provider: Provider, acme: Organization, tmp_path: Path
) -> OpenPage:
    """`check(names)`: the page of the dry run of a file of these people."""
    adam = create_persona(
        provider=provider, role=Role.OWNER, name="Adam Abgleich", email="adam@abgleich.example"
    )

    def checked(names: str, **options: object) -> Page:
        path = tmp_path / "staff.csv"
        lines = "".join(f"{name}@acme.example,{name}\n" for name in names)
        path.write_text(f"email,name\n{lines}")
        address = f"{portal}/organizations/{acme.pk}/users/import/"
        page = open_page(address, person=adam, **options)
        page.get_by_label("CSV file").set_input_files(path)
        page.get_by_role("button", name="Check the file").click()
        expect(page.get_by_text("Reading the file")).to_be_visible()
        deliver_due(now=timezone.now())
        expect(page.get_by_role("heading", name="Make the organization equal")).to_be_visible()
        return page

    return checked


def states(provider: Provider) -> dict[str, str]:
    with provider_schema(provider):
        return dict(ManagedUser.objects.living().values_list("email", "state"))


@pytest.mark.parametrize("scripts", [True, False])
def test_the_gone_are_suspended_by_choice(
    check: OpenPage, provider: Provider, scripts: bool
) -> None:
    page = check("abcdefghiz", scripts=scripts)
    expect(page.get_by_text("Not in the file: j@acme.example.")).to_be_visible()
    expect(page.get_by_label("How many users will be gone?")).to_have_count(0)
    page.get_by_label("Suspend them: they still count").check()
    page.get_by_role("button", name="Make equal, all or nothing").click()
    deliver_due(now=timezone.now())
    expect(page.get_by_text("1 user was added, 9 changed, 1 suspended.")).to_be_visible()
    found = states(provider)
    assert (found["j@acme.example"], found["z@acme.example"]) == ("suspended", "active")
    assert len(found) == 11


def test_a_file_without_most_users_asks_how_many(
    check: OpenPage,
    violations: Callable[[Page], list[str]],
    provider: Provider,
) -> None:
    page = check("abc")
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for width in (DESKTOP, TABLET, PHONE):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page) == []
    equal = page.get_by_role("button", name="Make equal, all or nothing")
    equal.click()
    expect(page.get_by_text("Type how many: 7.")).to_be_visible()
    page.get_by_label("How many users will be gone?").fill("6")
    equal.click()
    expect(page.get_by_text("Type how many: 7.")).to_be_visible()
    assert len(states(provider)) == 10
    page.get_by_label("How many users will be gone?").fill("7")
    equal.click()
    deliver_due(now=timezone.now())
    expect(page.get_by_text("0 users were added, 3 changed, 7 removed.")).to_be_visible()
    assert set(states(provider)) == {f"{name}@acme.example" for name in "abc"}
