"""The audit log in the API: filters, pages, and what a key's own call leaves there."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from accounts.models import Provider
from core.actors import SYSTEM_ACTOR, Actor, ActorKind
from core.schema import provider_schema
from tenants import audit
from tenants.models import Organization
from tests.api_client import System

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
PETRA = Actor(id=7, name="Petra")


@pytest.fixture
def system(north: Provider) -> System:
    """A system of north; the log has the key's generation and three more entries."""
    system = System.of(north)
    with provider_schema(north):
        organization = Organization.objects.create(pk=901, name="Bakery")
        entries = [
            audit.entry_of(
                actor=PETRA,
                action="user.added",
                subject="ann@a.example",
                subject_id=55,
                organization=organization,
                now=NOON,
            ),
            audit.entry_of(
                actor=SYSTEM_ACTOR,
                action="invoice.voided",
                subject="NORTH-000001",
                before={"owed": "$1.00"},
                now=NOON.replace(hour=13),
            ),
            audit.entry_of(
                actor=Actor(None, "Stan", ActorKind.OPERATIONS),
                action="operations.entered",
                subject="North",
                now=NOON.replace(hour=14),
            ),
        ]
        audit.record_all(entries=entries)
    return system


def actions(system: System, query: str) -> list[str]:
    response = system.get(f"/audit?{query}")
    assert response.status_code == 200, response.content
    return [entry["action"] for entry in response.json()["items"]]


ALL = ["api_key.generated", "user.added", "invoice.voided", "operations.entered"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ALL),
        ("action=user", ["user.added"]),
        ("action=user.added", ["user.added"]),
        ("action=us", []),
        ("actor_id=7", ["user.added"]),
        ("actor_kind=operations", ["operations.entered"]),
        ("actor_kind=system", ["api_key.generated", "invoice.voided"]),
        ("organization_id=901", ["user.added"]),
        ("object_name=NORTH-000001", ["invoice.voided"]),
        ("q=ANN%40", ["user.added"]),
        (f"until={quote('2026-03-03T13:00:00+00:00')}", ["user.added"]),
        ("since=2026-03-03T13:00:00Z&until=2026-03-03T14:00:00Z", ["invoice.voided"]),
        ("until=0001-01-01T00:00:00Z", []),
    ],
)
def test_filters(system: System, query: str, expected: list[str]) -> None:
    assert actions(system, query) == expected


@pytest.mark.parametrize(
    "query",
    ["actor_kind=x", "actor_id=0", "since=2026-03-03T13:00:00", "since=x", "q=%00", "limit=0"],
)
def test_other_values_are_refused(system: System, query: str) -> None:
    assert system.get(f"/audit?{query}").status_code == 422


def test_pages(system: System) -> None:
    found: list[Any] = []
    after = 0
    while True:
        page = system.get(f"/audit?limit=3&after={after}").json()
        found += page["items"]
        if page["next"] is None:
            break
        after = page["next"]
    assert [entry["action"] for entry in found] == ALL
    # That of the last request in this thread: the entry was written without one.
    found[1].pop("request_id")
    assert found[1] == {
        "id": found[1]["id"],
        "at": "2026-03-03T12:00:00Z",
        "actor": {"id": 7, "name": "Petra", "kind": "person"},
        "impersonated_organization_id": None,
        "action": "user.added",
        "object": {"kind": "user", "id": 55, "name": "ann@a.example"},
        "organization_id": 901,
        "ip_address": None,
        "user_agent": "",
        "before": {},
        "after": {},
    }


def test_a_key_s_call_names_the_key_and_its_place(system: System) -> None:
    created = system.post("/organizations", {"name": "Mill"}).json()
    (entry,) = system.get("/audit?action=organization.created").json()["items"]
    assert entry["actor"]["kind"] == "api_key"
    assert entry["actor"]["name"].startswith("API key ")
    assert entry["ip_address"] == "127.0.0.1"
    assert entry["object"] == {"kind": "organization", "id": created["id"], "name": "Mill"}


def test_another_provider_s_key_sees_nothing_of_it(system: System, south: Provider) -> None:
    assert actions(System.of(south), "") == ["api_key.generated"]
    assert actions(System.of(south), "organization_id=901") == []
