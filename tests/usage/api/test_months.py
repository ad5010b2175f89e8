"""Usage over the API: the month's marks, and why each is what it is."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.test import Client

from accounts.models import Provider
from core.actors import Actor
from core.schema import provider_schema
from tenants.models import ManagedUser, Organization
from tenants.organizations.lifecycle import remove_organization
from tenants.users.membership import Via, add_member, remove_member
from tests.api_client import System, problem
from tests.personas import Personas

ANNA = Actor(id=7, name="Anna")


@pytest.fixture
def bakery(north: Provider) -> Organization:
    """1 March: one user; 3 March: two more, then one leaves; 20 March: one more (3 again)."""
    with provider_schema(north):
        organization = Organization.objects.create(
            name="Bakery", created_at=datetime(2026, 3, 1, tzinfo=UTC)
        )

        def add(day: int, name: str) -> object:
            return add_member(
                member=ManagedUser(organization=organization, email=f"{name}@x.example", name=name),
                actor=ANNA,
                via=Via.FORM,
                now=datetime(2026, 3, day, 9, tzinfo=UTC),
            )

        add(1, "ann")
        bob = add(3, "bob")
        add(3, "cleo")
        remove_member(member=bob, actor=ANNA, now=datetime(2026, 3, 5, tzinfo=UTC))
        add(20, "dora")
    return organization


def test_a_month_says_who_made_the_peak(north: Provider, bakery: Organization) -> None:
    month = System.of(north).get(f"/organizations/{bakery.pk}/usage/2026-03").json()
    assert (month["month"], month["time_zone"], month["is_over"]) == ("2026-03", "UTC", True)
    assert month["starts_at"].startswith("2026-03-01T00:00:00")
    assert month["ends_at"].startswith("2026-04-01T00:00:00")
    users = month["users"]
    assert (users["high_water_mark"], users["carried_in"]) == (3, 0)
    addition = users["peak"]["addition"]
    assert (addition["subject"], addition["by"], addition["via"]) == (
        "cleo@x.example",
        "Anna",
        "form",
    )
    assert (addition["count_before"], addition["count_after"]) == (2, 3)
    assert addition["at"].startswith("2026-03-03T09:00:00")
    assert month["devices"]["high_water_mark"] == 0


def test_the_next_month_carries_in(north: Provider, bakery: Organization) -> None:
    april = System.of(north).get(f"/organizations/{bakery.pk}/usage/2026-04").json()["users"]
    assert (april["high_water_mark"], april["carried_in"]) == (3, 3)
    assert april["peak"]["addition"] is None


def test_all_organizations_of_a_month_come_in_pages(north: Provider, bakery: Organization) -> None:
    with provider_schema(north):
        Organization.objects.create(name="Empty")
    system = System.of(north)
    first = system.get("/usage/2026-03?limit=1").json()
    assert first["items"][0]["name"] == "Bakery"
    assert first["items"][0]["users"]["high_water_mark"] == 3
    second = system.get(f"/usage/2026-03?limit=1&after={first['next']}").json()
    assert [one["name"] for one in second["items"]] == ["Empty"]
    assert second["next"] is None


def test_instants_have_microseconds_as_in_the_csv(
    north: Provider, bakery: Organization, people: Personas
) -> None:
    exact = datetime(2026, 3, 25, 9, 30, 5, 250_001, tzinfo=UTC)
    with provider_schema(north):
        add_member(
            member=ManagedUser(organization=bakery, email="eve@x.example", name="eve"),
            actor=ANNA,
            via=Via.FORM,
            now=exact,
        )
    users = System.of(north).get(f"/organizations/{bakery.pk}/usage/2026-03").json()["users"]
    assert users["peak"]["at"] == users["peak"]["addition"]["at"] == "2026-03-25T09:30:05.250001Z"
    (of_all,) = System.of(north).get("/usage/2026-03").json()["items"]
    assert of_all["users"]["peak_at"] == "2026-03-25T09:30:05.250001Z"
    bill = Client()
    bill.force_login(people.bill)
    csv = bill.get(f"/account/usage/{bakery.pk}/why/2026-03.csv").text
    assert exact.isoformat() in csv


def test_a_removed_organization_answers_as_its_page_does(
    north: Provider, bakery: Organization, people: Personas
) -> None:
    with provider_schema(north), time_machine.travel(datetime(2026, 3, 25, tzinfo=UTC), tick=False):
        remove_organization(organization=bakery, actor=ANNA, now=datetime(2026, 3, 25, tzinfo=UTC))
    system = System.of(north)
    month = system.get(f"/organizations/{bakery.pk}/usage/2026-03").json()
    assert month["users"]["high_water_mark"] == 3
    assert month["users"]["peak"]["addition"]["subject"] == "cleo@x.example"
    active = system.get(f"/organizations/{bakery.pk}/activity/2026-03")
    assert (active.status_code, active.json()["active_users"]) == (200, 0)
    assert system.get(f"/organizations/{bakery.pk}/activity/2026-03/users").status_code == 200
    bill = Client()
    bill.force_login(people.bill)
    assert bill.get(f"/account/usage/{bakery.pk}/why/2026-03/").status_code == 200
    problem(system.get(f"/organizations/{bakery.pk}"), 404)
    problem(system.get("/organizations/999999/usage/2026-03"), 404)


@pytest.mark.parametrize(
    ("month", "status"), [("2026-13", 422), ("now", 422), ("2026-3", 422), ("2026-05", 404)]
)
def test_only_months_that_began(
    month: str, status: int, north: Provider, bakery: Organization
) -> None:
    system = System.of(north)
    with time_machine.travel(datetime(2026, 4, 30, 23, tzinfo=UTC), tick=False):
        problem(system.get(f"/usage/{month}"), status)
        problem(system.get(f"/organizations/{bakery.pk}/usage/{month}"), status)
