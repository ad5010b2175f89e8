"""The usage page and the cap dialog, as a provider's administrator uses them."""

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Provider
from core.actors import SYSTEM_ACTOR
from core.schema import provider_schema
from tenants.models import AuditEntry, ManagedUser, MeteringPolicy, Organization
from tenants.organizations.lifecycle import set_user_cap
from tenants.users.membership import Via, add_member, remove_member
from tests.personas import Personas
from usage.cap_badges import Badge, badge

SignIn = Callable[..., Client]
FEBRUARY = datetime(2026, 2, 10, 9, 0, tzinfo=UTC)
MARCH = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _march() -> object:
    with time_machine.travel(MARCH, tick=False):
        yield


@pytest.fixture
def as_bill(client: Client, sign_in: SignIn, people: Personas) -> Client:
    return sign_in(client, people.bill)


def organization(
    north: Provider, name: str, *, february: int = 0, march: int = 0, cap: int | None = None
) -> Organization:
    """An organization of `february` users in February, and `march` more or fewer since."""
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None)
        created = Organization.objects.create(name=name)
        for number in range(february + max(march, 0)):
            add_member(
                member=ManagedUser(
                    organization=created, email=f"user{number}@{created.pk}.example", name=""
                ),
                actor=SYSTEM_ACTOR,
                via=Via.DEMO,
                now=FEBRUARY if number < february else MARCH,
            )
        for user in ManagedUser.objects.filter(organization=created)[: max(-march, 0)]:
            remove_member(member=user, actor=SYSTEM_ACTOR, now=MARCH)
        set_user_cap(organization=created, cap=cap, actor=SYSTEM_ACTOR, now=MARCH)
    return created


def rows_of(client: Client, query: str = "") -> dict[str, list[str]]:
    """The usage CSV as rows by organization: it shows what the page shows."""
    answer = client.get(f"/account/usage.csv{query}")
    assert answer.status_code == 200
    lines = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    return {line[0]: line[1:] for line in lines[1:]}


def test_each_organization_shows_both_months_counts_cap_and_badge(
    as_bill: Client, north: Provider
) -> None:
    organization(north, "Falling", february=5, march=-2)
    organization(north, "Rising", february=2, march=3, cap=5)
    organization(north, "Steady", february=4, cap=14)
    assert rows_of(as_bill) == {
        "Falling": ["5", "3", "0", "5", "", ""],
        "Rising": ["2", "5", "0", "5", "5", "LIMIT REACHED"],
        "Steady": ["4", "4", "0", "4", "14", "NEAR LIMIT"],
    }
    page = as_bill.get("/account/usage/").content.decode()
    assert page.count("LIMIT REACHED") == 1
    assert page.count("NEAR LIMIT") == 1
    assert "No User Cap" in page


@pytest.mark.parametrize(
    ("users", "cap", "free", "expected"),
    [
        (3, None, None, Badge.NONE),
        (3, 3, None, Badge.LIMIT_REACHED),
        (4, 3, None, Badge.LIMIT_REACHED),
        (3, 4, None, Badge.NEAR_LIMIT),
        (3, 13, None, Badge.NEAR_LIMIT),
        (3, 14, None, Badge.NONE),
        (10, None, 10, Badge.LIMIT_REACHED),
        (9, None, 10, Badge.NONE),
        (10, 50, 10, Badge.LIMIT_REACHED),
    ],
)
def test_a_badge_tells_the_distance_from_the_cap(
    users: int, cap: int | None, free: int | None, expected: Badge
) -> None:
    assert badge(users=users, cap=cap, free_user_limit=free) == expected


def test_filters_agree_with_the_badges(as_bill: Client, north: Provider) -> None:
    organization(north, "At", march=3, cap=3)
    organization(north, "Near", march=3, cap=13)
    organization(north, "Far", march=3, cap=14)
    organization(north, "Free", march=3)
    assert set(rows_of(as_bill, "?filter=reached")) == {"At"}
    assert set(rows_of(as_bill, "?filter=near")) == {"Near"}
    assert set(rows_of(as_bill, "?filter=capped")) == {"At", "Near", "Far"}
    assert set(rows_of(as_bill, "?filter=uncapped")) == {"Free"}
    assert set(rows_of(as_bill, "?q=ea")) == {"Near"}


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", ["alpha", "Beta", "Gamma"]),
        ("-users", ["Gamma", "Beta", "alpha"]),
        ("this_month_hwm", ["alpha", "Beta", "Gamma"]),
        ("user_cap", ["Gamma", "Beta", "alpha"]),
        ("-user_cap", ["alpha", "Beta", "Gamma"]),
        ("password", ["alpha", "Beta", "Gamma"]),
    ],
)
def test_sorting(as_bill: Client, north: Provider, sort: str, expected: list[str]) -> None:
    organization(north, "Gamma", march=3, cap=5)
    organization(north, "Beta", march=2, cap=9)
    organization(north, "alpha", march=1)
    assert list(rows_of(as_bill, f"?sort={sort}")) == expected


def test_a_spreadsheet_runs_nothing(as_bill: Client, north: Provider) -> None:
    organization(north, "=HYPERLINK(1)")
    assert "'=HYPERLINK(1)" in rows_of(as_bill)


def test_a_badge_near_the_limit_is_orange_and_readable(as_bill: Client, north: Provider) -> None:
    organization(north, "Near", march=3, cap=13)
    page = as_bill.get("/account/usage/?filter=near").content.decode()
    assert '<span class="badge badge-orange badge-dot">NEAR LIMIT</span>' in page

    # One rule for both themes, whose orange has more red than green and more green than blue.
    styles = Path("styles/components.css").read_text()
    rule = re.search(r"\.badge-orange \{(.+?)\}", styles, re.DOTALL)[1]
    paper, ink = (
        [int(color[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        for color in re.findall(r"(?:background|\scolor): #(\w{6});", rule)
    )
    assert paper[0] > 0.85
    assert 0.4 < paper[1] < 0.65
    assert paper[2] < 0.25
    assert (_luminance(paper) + 0.05) / (_luminance(ink) + 0.05) >= 4.5


def _luminance(color: list[float]) -> float:
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_number_of_a_cap_is_on_the_line_of_its_label(as_bill: Client, north: Provider) -> None:
    created = organization(north, "Acme", march=3)
    page = as_bill.get(f"/account/usage/{created.pk}/cap/").content.decode()
    line = re.search(
        r"<div class=\"flex[^>]*>(<label.+?</label>)<div[^>]*>(<input.+?>)</div>", page
    )
    assert "Cap Users at</label>" in line[1]
    assert 'name="cap"' in line[2]
    assert 'aria-label="Number of users"' in line[2]


def test_a_cap_is_set_lifted_and_logged(as_bill: Client, north: Provider) -> None:
    created = organization(north, "Acme", march=3)
    address = f"/account/usage/{created.pk}/cap/?q=ac&filter=uncapped"
    assert "User cap of Acme" in as_bill.get(address).content.decode()
    saved = as_bill.post(address, {"choice": "capped", "cap": "1,000"})
    assert saved["Location"] == "/account/usage/?q=ac&filter=uncapped"
    as_bill.post(address, {"choice": "capped", "cap": "2"})
    as_bill.post(address, {"choice": "none", "cap": "2"})
    with provider_schema(north):
        created.refresh_from_db()
        log = AuditEntry.objects.filter(action="organization.user_cap_changed").order_by("id")
        changes = [(e.before["user_cap"], e.after["user_cap"], e.actor_name) for e in log]
    bill = "Bill Nordlicht"
    assert created.user_cap is None
    assert changes == [(None, 1000, bill), (1000, 2, bill), (2, None, bill)]


@pytest.mark.parametrize(
    "cap",
    [
        "",
        "0",
        "10,001",
        "10001",
        "-5",
        "ten",
        "1e3",
        "1_000",
        "1.5",
        "٣",
        "1,00",
        "9" * 400,
        "5\x00",
    ],
)
def test_a_cap_that_is_none_is_refused_by_its_field(
    as_bill: Client, north: Provider, cap: str
) -> None:
    created = organization(north, "Acme", cap=7)
    answer = as_bill.post(f"/account/usage/{created.pk}/cap/", {"choice": "capped", "cap": cap})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in page
    assert "<dialog" in page
    with provider_schema(north):
        created.refresh_from_db()
    assert created.user_cap == 7


@pytest.mark.parametrize("choice", ["", "maybe", "none\x00"])
def test_a_choice_that_is_none_is_refused(as_bill: Client, north: Provider, choice: str) -> None:
    created = organization(north, "Acme", cap=7)
    answer = as_bill.post(f"/account/usage/{created.pk}/cap/", {"choice": choice, "cap": "8"})
    assert answer.status_code == 422


def test_only_billing_administrators_set_caps(
    client: Client, sign_in: SignIn, people: Personas, north: Provider
) -> None:
    created = organization(north, "Acme")
    address = f"/account/usage/{created.pk}/cap/"
    for person in (people.adam, people.rita):
        signed_in = sign_in(client, person)
        assert "/cap/" not in signed_in.get("/account/usage/").content.decode()
        assert signed_in.post(address, {"choice": "capped", "cap": "5"}).status_code == 403
    assert sign_in(client, people.sofia).get(address).status_code == 404
    with provider_schema(north):
        created.refresh_from_db()
    assert created.user_cap is None


def test_htmx_gets_the_dialog_or_the_table_alone(as_bill: Client, north: Provider) -> None:
    created = organization(north, "Acme")
    dialog = as_bill.get(
        f"/account/usage/{created.pk}/cap/",
        headers={"HX-Request": "true", "HX-Target": "dialog-slot"},
    ).content.decode()
    table = as_bill.get(
        "/account/usage/", headers={"HX-Request": "true", "HX-Target": "usage"}
    ).content.decode()
    assert "<dialog" in dialog
    assert "<html" not in dialog
    assert "Acme" in table
    assert "<html" not in table


def test_the_page_takes_six_statements_at_most(
    as_bill: Client, north: Provider, settings: Any
) -> None:
    settings.MENU_CACHE_SECONDS = 5
    with provider_schema(north):
        Organization.objects.bulk_create([Organization(name=f"Org {n}") for n in range(60)])
    as_bill.get("/account/usage/")
    with CaptureQueriesContext(connection) as statements:
        as_bill.get("/account/usage/")
    assert len(statements) <= 6, [query["sql"] for query in statements]


def test_the_own_page_shows_own_usage_and_whom_to_contact(
    client: Client, sign_in: SignIn, people: Personas, north: Provider
) -> None:
    mine = people.otto_organization
    with provider_schema(north):
        add_member(
            member=ManagedUser(organization=mine, email="a@x.example", name=""),
            actor=SYSTEM_ACTOR,
            via=Via.DEMO,
            now=MARCH,
        )
        set_user_cap(organization=mine, cap=1, actor=SYSTEM_ACTOR, now=MARCH)
    page = sign_in(client, people.otto).get("/organization/").content.decode()
    assert "The limit of 1 users is reached" in page
    assert "Connie Nordlicht" in page


def test_the_caps_page_lists_the_room_below_each_cap(as_bill: Client, north: Provider) -> None:
    organization(north, "At", march=3, cap=3)
    organization(north, "Near", march=3, cap=13)
    organization(north, "Free", march=3)
    page = as_bill.get("/account/caps/?sort=-room")
    assert [(row.name, str(label), room) for row, label, room in page.context["rows"]] == [
        ("Free", "", None),
        ("Near", "NEAR LIMIT", 10),
        ("At", "LIMIT REACHED", 0),
    ]
    assert "badge-orange" in page.text
    assert [row.name for row, *_ in as_bill.get("/account/caps/?filter=near").context["rows"]] == [
        "Near"
    ]
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=10)
    rows = as_bill.get("/account/caps/").context["rows"]
    assert {row.name: room for row, _, room in rows} == {"At": 0, "Near": 7, "Free": 7}


def test_a_cap_that_is_changed_on_the_caps_page_leads_back_to_it(
    as_bill: Client, north: Provider
) -> None:
    near = organization(north, "Near", march=3, cap=13)
    address = f"/account/caps/{near.pk}/?filter=near"
    assert "Room" in as_bill.get(address).text
    answer = as_bill.post(address, {"choice": "capped", "cap": "20"})
    assert answer["Location"] == "/account/caps/?filter=near"
    with provider_schema(north):
        near.refresh_from_db()
    assert near.user_cap == 20


@pytest.mark.parametrize("person", ["adam", "rita"])
def test_the_caps_page_is_for_those_who_set_caps(
    client: Client, sign_in: SignIn, people: Personas, person: str
) -> None:
    assert sign_in(client, getattr(people, person)).get("/account/caps/").status_code == 403
