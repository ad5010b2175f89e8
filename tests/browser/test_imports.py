"""An import in Chromium: the page refreshes itself with scripts and without."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Provider
from accounts.roles import Role
from core.outbox.delivery import deliver_due
from core.schema import provider_schema
from tenants.models import Organization
from tests.browser.conftest import PHONE
from tests.personas import PASSWORD, create_persona

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]


@pytest.fixture
def own_page(portal: str, open_page: OpenPage, own_provider: Callable[..., Provider]) -> OpenPage:
    """`own_page(…)`: the user list of an organization, opened by its admin."""
    provider = own_provider(canary="Einfuhr")
    with provider_schema(provider):
        organization = Organization.objects.create(name="Acme Einfuhr", user_cap=2)
    create_persona(
        provider=provider,
        role=Role.ORGANIZATION_ADMIN,
        name="Otto Einfuhr",
        email="otto@einfuhr.example",
        organization_id=organization.pk,
    )

    def open_own(**options: object) -> Page:
        page = open_page(f"{portal}/accounts/login/?next=/organization/users/", **options)
        page.get_by_label("E-mail").fill("otto@einfuhr.example")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        return page

    return open_own


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "staff.csv"
    path.write_text("email;name\nann@acme.example;Ann\nbo@acme.example;Bo\nbad;C\nd@acme.example;D")
    return path


def deliver() -> None:
    """Do the work of the Celery worker."""
    deliver_due(now=timezone.now())


@pytest.mark.parametrize("scripts", [True, False])
def test_a_file_is_checked_and_imported(own_page: OpenPage, file: Path, scripts: bool) -> None:
    page = own_page(scripts=scripts)
    page.get_by_role("link", name="Import").click()
    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_text("Reading the file")).to_be_visible()
    deliver()
    expect(page.get_by_text("Not an e-mail address").first).to_be_visible()
    expect(page.get_by_text("contact your MSP administrator, Connie Einfuhr")).to_be_visible()
    page.get_by_role("button", name="Import 2 good lines").click()
    deliver()
    expect(page.get_by_text("2 users were added; 2 lines were refused.")).to_be_visible()
    page.get_by_role("link", name="Show users").click()
    expect(page.get_by_role("rowheader", name="bo@acme.example")).to_be_visible()


def test_the_result_of_a_check_is_accessible(
    own_page: OpenPage, file: Path, violations: Callable[[Page], list[str]]
) -> None:
    page = own_page()
    page.get_by_role("link", name="Import").click()
    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_role("button", name="Check the file").click()
    deliver()
    expect(page.get_by_text("Refused lines")).to_be_visible()
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        assert violations(page) == []
    page.set_viewport_size({"width": PHONE, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert "bad,C" in download.value.path().read_text()
