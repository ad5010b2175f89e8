"""Activity reported through the API: idempotent, up to the limit, each error by its place."""

from zoneinfo import ZoneInfo

import pytest
import time_machine

from accounts.models import Provider
from core.months import Month
from core.schema import provider_schema
from tenants.models import ManagedUser, Organization
from tests.api_client import System, problem
from tests.personas import CANARIES
from tests.usage.counting import add, at, set_policy
from usage.ledger.month_freeze import freeze_month

NOON = at("2026-06-10 12:00")


@pytest.fixture
def system(north: Provider) -> System:
    """North's own system."""
    return System.of(north)


@pytest.fixture
def users(north: Provider) -> list[ManagedUser]:
    """Five users of an organization that may have three active ones."""
    with provider_schema(north):
        set_policy(free_user_limit=None, billing_time_zone="UTC")
        acme = Organization.objects.create(name="Acme", created_at=at("2026-01-10"), mau_limit=3)
        found = add(acme, *[at("2026-05-01")] * 5)
        ManagedUser.objects.filter(pk=found[1].pk).update(external_id="e-1")
        return found


def report(
    system: System, users: list[ManagedUser], *activities: dict[str, object], **more: object
):
    body = {"activities": list(activities), **more}
    with time_machine.travel(NOON, tick=False):
        return system.post(f"/organizations/{users[0].organization_id}/activity", body)


def test_users_by_id_external_id_and_e_mail_count_once(
    system: System, users: list[ManagedUser]
) -> None:
    activities = [
        {"user_id": users[0].pk, "at": "2026-06-03T10:00:00Z"},
        {"external_id": "e-1"},
        {"email": users[2].email.upper(), "at": "2026-06-30T23:59:59-02:00"},
    ]
    response = report(system, users, *activities[:2], *activities[:1])
    assert response.json() == {"new": 2, "repeated": 1, "late": [], "refused": []}
    assert report(system, users, *activities[:2]).json()["repeated"] == 2
    refused = problem(report(system, users, activities[2]), 409)
    assert refused["refused"] == [
        {"place": 0, "code": "in-the-future", "detail": "The instant is in the future."}
    ]


def test_the_threshold_is_a_409_that_names_it_and_whom_to_ask(
    system: System, users: list[ManagedUser]
) -> None:
    everyone = [{"user_id": user.pk} for user in users]
    answer = problem(report(system, users, *everyone), 409)
    assert (answer["code"], answer["threshold"], answer["count"], answer["asked"]) == (
        "mau-threshold-reached",
        3,
        0,
        5,
    )
    assert answer["contact"]["email"] == f"billing@{CANARIES['north']}.example".lower()
    good = report(system, users, *everyone, mode="good_ones").json()
    assert good["new"] == 3
    assert [(one["place"], one["code"]) for one in good["refused"]] == [
        (3, "threshold-reached"),
        (4, "threshold-reached"),
    ]
    assert report(system, users, *everyone[:3]).json()["repeated"] == 3


def test_what_can_not_be_is_listed_by_place_and_nothing_recorded(
    system: System, users: list[ManagedUser]
) -> None:
    answer = problem(
        report(system, users, {"user_id": users[0].pk}, {"email": "who@a.example"}), 409
    )
    assert [(one["place"], one["code"]) for one in answer["refused"]] == [(1, "unknown-user")]
    month = system.get(f"/organizations/{users[0].organization_id}/activity/2026-06").json()
    assert (month["active_users"], month["threshold"]) == (0, 3)


@pytest.mark.parametrize(
    "activity",
    [
        {},
        {"user_id": 1, "email": "a@b.example"},
        {"user_id": 1, "at": "2026-06-03T10:00:00"},
        {"user_id": 1, "at": "yesterday"},
        {"user_id": 1, "at": 1_780_000_000},
        {"user_id": 1, "at": "9999-12-31T23:59:59Z"},
        {"user_id": True},
    ],
)
def test_what_is_no_activity_is_422(
    system: System, users: list[ManagedUser], activity: dict[str, object]
) -> None:
    problem(report(system, users, activity), 422)


def test_a_closed_month_keeps_its_number(
    north: Provider, system: System, users: list[ManagedUser]
) -> None:
    report(system, users, {"user_id": users[0].pk, "at": "2026-05-03T10:00:00Z"})
    with provider_schema(north):
        freeze_month(month=Month(2026, 5), zone=ZoneInfo("UTC"))
    late = report(system, users, {"user_id": users[1].pk, "at": "2026-05-04T10:00:00Z"}).json()
    assert (late["new"], late["late"]) == (0, [0])
    organization = users[0].organization_id
    month = system.get(f"/organizations/{organization}/activity/2026-05").json()
    assert (month["active_users"], month["late"], month["is_over"]) == (1, 1, True)
    (who,) = system.get(f"/organizations/{organization}/activity/2026-05/users").json()["items"]
    assert (who["user_id"], who["first_seen_at"]) == (users[0].pk, "2026-05-03T10:00:00Z")


def test_all_organizations_of_a_month_page_by_page(
    north: Provider, system: System, users: list[ManagedUser]
) -> None:
    report(system, users, {"user_id": users[0].pk})
    with provider_schema(north):
        Organization.objects.create(name="Bolt")
    first = system.get("/activity/2026-06?limit=1").json()
    rest = system.get(f"/activity/2026-06?after={first['next']}").json()
    found = {row["name"]: row["active_users"] for row in first["items"] + rest["items"]}
    assert found == {"Acme": 1, "Bolt": 0}
    assert rest["next"] is None
    problem(system.get("/activity/2999-12"), 404)


def test_an_organization_is_created_with_its_threshold(north: Provider, system: System) -> None:
    made = system.post("/organizations", {"name": "New", "mau_limit": 1_000_000})
    assert made.json()["mau_limit"] == 1_000_000
    problem(system.post("/organizations", {"name": "Two", "mau_limit": 0}), 422)
