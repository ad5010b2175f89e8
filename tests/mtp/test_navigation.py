"""The menu and the tabs: what each role gets, where it leads, and what is marked as active."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.months import Month
from core.schema import provider_schema
from tenants.models import Organization
from tests.personas import Personas

USAGE = ["This month", "12 months", "Forecast", "Active users"]
CAPS = ["Current", "Try caps", "Requests"]
BILLING = ["Payment History", "Next invoice", "Licenses", "Billing Information"]
AUTOTASK = ["Overview", "Reconcile"]
READ = {
    "Home": [],
    "Organizations": [],
    "Users & devices": ["Users", "Devices"],
    "Alerts": [],
    "Usage": USAGE,
    "Settings": ["Account Overview", "Notifications", "Profile", "Cases"],
}
MONEY = {
    "Home": [],
    "Organizations": [],
    "Users & devices": ["Users", "Devices"],
    "Alerts": [],
    "Usage": USAGE,
    "Caps": CAPS,
    "Billing": BILLING,
    "Autotask": AUTOTASK,
    "Settings": ["Account Overview", "Audit log", "Notifications", "Profile", "Cases"],
}
OWN = ["Overview", "Users", "Devices", "Locations", "Active users", "Audit log"]
MENUS: dict[str, dict[str, list[str]]] = {
    "olive": {
        **MONEY,
        "Settings": [
            "Account Overview",
            "Administrators",
            "Security",
            "Audit log",
            "Notifications",
            "Profile",
            "Cases",
        ],
    },
    "bill": MONEY,
    "adam": {**READ, "Settings": MONEY["Settings"]},
    "rita": READ,
    "otto": {label: [] for label in OWN},
}
ORGANIZATION = ["Overview", "Users", "Devices", "Locations", "Usage", "Admins", "Settings"]
ORGANIZATION_TABS = {
    "olive": ORGANIZATION,
    "bill": ORGANIZATION,
    "adam": ORGANIZATION,
    "rita": ["Overview", "Users", "Devices", "Locations", "Usage"],
}


def items(page: Any) -> list[dict[str, Any]]:
    return [item for group in page.context["navigation"] for item in group["items"]]


def labels(page: Any) -> list[str]:
    strip = page.context["tab_strip"]
    return [tab["label"] for tab in strip["items"]] if strip else []


def current(entries: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(each["label"], each["current"]) for each in entries if each["current"]]


def active(page: Any) -> tuple[list[str], list[str]]:
    """The active entries of the menu, and the active tabs."""
    strip = page.context["tab_strip"]
    tabs = current(strip["items"]) if strip else []
    return [label for label, _ in current(items(page))], [label for label, _ in tabs]


@pytest.mark.parametrize("name", MENUS)
def test_menu_and_tabs_lead_only_where_the_role_may_go(
    name: str, client: Client, people: Personas
) -> None:
    client.force_login(getattr(people, name))
    menu = items(client.get("/profile/"))
    assert [item["label"] for item in menu] == list(MENUS[name])
    for item in menu:
        page = client.get(item["url"])
        assert page.status_code == 200, item
        assert current(items(page)) == [(item["label"], "page")]
        assert labels(page) == MENUS[name][item["label"]]
        for tab in page.context["tab_strip"]["items"] if labels(page) else []:
            behind = client.get(tab["url"])
            assert behind.status_code == 200, tab
            assert active(behind) == ([item["label"]], [tab["label"]])


@pytest.mark.parametrize("name", ORGANIZATION_TABS)
def test_an_organization_has_its_tabs(name: str, client: Client, people: Personas) -> None:
    with provider_schema(people.north):
        one = Organization.objects.create(name="Nordlicht One")
    client.force_login(getattr(people, name))
    page = client.get(f"/organizations/{one.pk}/")
    assert labels(page) == ORGANIZATION_TABS[name]
    for tab in page.context["tab_strip"]["items"]:
        behind = client.get(tab["url"])
        assert behind.status_code == 200, tab
        assert active(behind) == (["Organizations"], [tab["label"]])
        assert b"Nordlicht One" in behind.content


# (URL's name, entry, tab)
BELOW_A_TAB = [
    ("usage_explanation", "Organizations", "Usage"),
    ("forecast_organization", "Organizations", "Usage"),
    ("active_users_of", "Organizations", "Usage"),
    ("active_users_explanation", "Organizations", "Usage"),
    ("activity_import", "Organizations", "Usage"),
    ("import_list", "Organizations", "Users"),
    ("user_add", "Organizations", "Users"),
    ("device_import", "Organizations", "Devices"),
    ("location_add", "Organizations", "Locations"),
    ("organization_admin_invite", "Organizations", "Admins"),
    ("organization_rename", "Organizations", "Settings"),
    ("organization_remove", "Organizations", "Settings"),
    ("cap_edit", "Usage", "This month"),
    ("mau_limit_edit", "Usage", "Active users"),
    ("caps_edit", "Caps", "Current"),
    ("cap_simulation_organization", "Caps", "Try caps"),
]


@pytest.mark.parametrize(("name", "entry", "tab"), BELOW_A_TAB)
def test_a_page_below_a_tab_marks_it(
    name: str, entry: str, tab: str, client: Client, people: Personas
) -> None:
    with provider_schema(people.north):
        one = Organization.objects.create(name="Nordlicht One")
    parameters: dict[str, Any] = {"organization_id": one.pk}
    if name.endswith("explanation"):
        parameters["month"] = str(Month.of(timezone.now(), people.north.billing_zone()))
    client.force_login(people.olive)
    page = client.get(reverse(name, kwargs=parameters))
    assert page.status_code == 200
    assert active(page) == ([entry], [tab])
    assert b'aria-current="true"' in page.content or b'aria-current="page"' in page.content


@pytest.mark.parametrize(
    ("address", "entry", "tab"),
    [
        ("/account/api-key/", "Settings", "Account Overview"),
        ("/account/leave/", "Settings", "Account Overview"),
        ("/account/administrators/invite/", "Settings", "Administrators"),
        ("/profile/csv/", "Settings", "Profile"),
        ("/accounts/password/change/", "Settings", "Profile"),
        ("/account/active-users/allowance/", "Usage", "Active users"),
        ("/account/cap-simulation/rule/", "Caps", "Try caps"),
    ],
)
def test_a_page_without_an_organization_marks_its_tab(
    address: str, entry: str, tab: str, client: Client, people: Personas
) -> None:
    client.force_login(people.olive)
    assert active(client.get(address)) == ([entry], [tab])


def test_account_management_is_the_heading_and_the_home_of_the_four_sections(
    client: Client, people: Personas
) -> None:
    client.force_login(people.bill)
    page = client.get("/account/management/")
    (heading,) = [group["heading"] for group in page.context["navigation"] if group["heading"]]
    assert heading == {
        "label": "Account Management",
        "url": "/account/management/",
        "current": "page",
    }
    assert active(page) == ([], [])
    for section, address in (
        ("Account Overview", "/account/"),
        ("Payment History", "/account/payments/"),
        ("Billing Information", "/account/billing/"),
        ("Usage", "/account/usage/"),
    ):
        assert f'href="{address}">{section}</a></h2>' in page.content.decode()


def test_account_management_without_money(client: Client, people: Personas) -> None:
    client.force_login(people.adam)
    text = client.get("/account/management/").content.decode()
    assert "Account Overview</a></h2>" in text
    assert "Usage</a></h2>" in text
    assert "Payment History" not in text
    assert "Billing Information" not in text


def test_who_views_as_an_organization_gets_its_menu(client: Client, people: Personas) -> None:
    client.force_login(people.adam)
    client.post(f"/organizations/{people.otto_organization.pk}/impersonate/")
    page = client.get("/organization/")
    assert [item["label"] for item in items(page)] == list(MENUS["otto"])
    assert active(page) == (["Overview"], [])
