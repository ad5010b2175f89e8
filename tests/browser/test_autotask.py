"""The Autotask wizard in Chromium, from credentials to a synced service."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page

from accounts.models import Provider, User
from accounts.roles import Role
from core.schema import provider_schema
from integrations.autotask.sync.runs import run_slice
from integrations.models import Drift, SyncRun
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tests.autotask_fixtures import HEADERS, AutotaskStandIn
from tests.personas import create_persona

pytestmark = pytest.mark.browser
NAMES = (
    "Beacon Dental Group, Inc.",
    "Willow Creek Medical",
    "Harborview Realty",
    "Unlisted Client",
)
Check = Callable[[Page, str], None]
VIEWS = (("light", 1280), ("dark", 1280), ("light", 390))


@pytest.fixture
def msp(
    own_provider: Callable[..., Provider], autotask_stand_in: AutotaskStandIn, settings: Any
) -> Provider:
    settings.AUTOTASK_BASE_URL = f"{autotask_stand_in.url}/atservicesrest"
    provider = own_provider(canary="Walker", prefix="WALK")
    with provider_schema(provider):
        MeteringPolicy.objects.update(free_user_limit=None)
        for number, name in enumerate(NAMES):
            organization = Organization.objects.create(
                name=name, created_at=timezone.now() - timedelta(days=90)
            )
            ManagedUser.objects.bulk_create(
                ManagedUser(
                    organization=organization,
                    email=f"u{index}@client{number}.example",
                    added_at=timezone.now() - timedelta(days=60),
                )
                for index in range(9 + number)
            )
    return provider


@pytest.fixture
def check(violations: Callable[[Page], list[str]]) -> Check:
    """`check(page, name)`: asserts that the page is accessible and fits the screen.

    Axe runs once per page name, because it takes most of the time. With `LOOK_AT`, a folder, each
    page is saved there as a picture.
    """
    checked: set[str] = set()

    def check(page: Page, name: str) -> None:
        if name not in checked:
            checked.add(name)
            assert violations(page) == []
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
        _picture(page, name)

    return check


def _picture(page: Page, name: str) -> None:
    if folder := os.environ.get("LOOK_AT"):
        size = page.viewport_size or {}
        theme = page.evaluate(
            "matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'"
        )
        path = Path(folder) / f"{name}-{theme}-{size.get('width')}.png"
        page.screenshot(path=path, full_page=True)


def run_sync(msp: Provider) -> None:
    """Do the work of the Celery worker."""
    with provider_schema(msp):
        for run in SyncRun.objects.filter(finished_at=None):
            run_slice(run_id=run.pk, now=timezone.now())


def test_an_administrator_connects_maps_and_syncs(
    portal: str,
    msp: Provider,
    autotask_stand_in: AutotaskStandIn,
    open_page: Callable[..., Page],
    check: Check,
) -> None:
    bill = create_persona(
        provider=msp, role=Role.BILLING_ADMIN, name="Bill Walker", email="bill@walker.example"
    )
    page = open_page(f"{portal}/integrations/autotask/", person=bill)
    page.get_by_role("link", name="Connect Autotask").click()
    page.get_by_label("User name (key)").fill(HEADERS["UserName"])
    page.get_by_label("Password (secret)").fill("wrong")
    page.get_by_label("Tracking identifier").fill(HEADERS["ApiIntegrationCode"])
    page.get_by_role("button", name="Connect").click()
    page.get_by_text("refuses its secret").first.wait_for()
    check(page, "credentials")
    page.get_by_label("Password (secret)").fill(HEADERS["Secret"])
    page.get_by_label("Tracking identifier").fill(HEADERS["ApiIntegrationCode"])
    page.get_by_role("button", name="Connect").click()
    page.get_by_role("heading", name="Company types").wait_for()
    check(page, "company-types")
    page.get_by_role("button", name="Save and map").click()
    page.get_by_role("link", name="Confirm Beacon Dental Group").click()
    page.get_by_label("Non-billable users").fill("2")
    check(page, "map-service")
    page.get_by_role("button", name="Confirm").click()
    page.get_by_text("1 of 4").first.wait_for()
    page.get_by_role("link", name="Map Unlisted Client").click()
    page.get_by_role("searchbox", name="Search companies").fill("cobalt marine")
    page.get_by_role("link", name="Choose Cobalt Marine").wait_for()
    check(page, "map-company")
    _sync_twice(page, portal, msp, autotask_stand_in)
    _check_pages(open_page, check, portal, bill)


def _sync_twice(page: Page, portal: str, msp: Provider, autotask_stand_in: AutotaskStandIn) -> None:
    page.goto(f"{portal}/integrations/autotask/")
    page.get_by_role("button", name="Sync now").click()
    run_sync(msp)
    page.get_by_text("Clean").first.wait_for()
    line = next(
        row["id"] for row in autotask_stand_in.rows("ContractServices") if row["contractID"] == 3001
    )
    day = timezone.now().date().replace(day=1).isoformat()
    edit = {"contractServiceID": line, "day": day, "units": 21}
    autotask_stand_in.control("POST", "units", edit)
    page.goto(f"{portal}/integrations/autotask/")
    page.get_by_role("button", name="Sync now").click()
    run_sync(msp)
    page.get_by_text("With exceptions").first.wait_for()
    with provider_schema(msp):
        assert Drift.objects.get().observed_units == 21


def _check_pages(open_page: Callable[..., Page], check: Check, portal: str, bill: User) -> None:
    for theme, width in VIEWS:
        page = open_page(f"{portal}/integrations/autotask/", person=bill, theme=theme, width=width)
        check(page, "autotask")
        for name in ("mapping", "runs", "changes"):
            page.goto(f"{portal}/integrations/autotask/{name}/")
            check(page, name)
        page.goto(f"{portal}/integrations/autotask/runs/")
        page.get_by_role("row").nth(1).get_by_role("link").click()
        page.wait_for_url("**/runs/*/")
        check(page, "run")
