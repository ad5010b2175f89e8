"""Organizations, users and devices by API follow the same rules as on the pages."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from accounts.models import Provider
from core.metrics import Metric
from core.schema import provider_schema
from tenants.models import AuditEntry, Device, ManagedUser, MeteringPolicy, Organization
from tests.api_client import System, problem
from usage.models import OrganizationCounter


@pytest.fixture
def system(north: Provider) -> System:
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None)
    return System.of(north)


@pytest.fixture
def bakery(system: System) -> str:
    created = system.post("/organizations", {"name": "Bakery Nordlicht"})
    assert created.status_code == 201, created.content
    return f"/organizations/{created.json()['id']}"


def test_an_organization_is_created_listed_and_read(system: System, north: Provider) -> None:
    created = system.post("/organizations", {"name": " Acme ", "user_cap": 5}).json()
    assert (created["name"], created["user_cap"], created["users"]) == ("Acme", 5, 0)
    assert system.get(f"/organizations/{created['id']}").json() == created
    assert problem(system.post("/organizations", {"name": "ACME"}), 409)["code"] == "name-taken"
    with provider_schema(north):
        entry = AuditEntry.objects.get(action="organization.created")
    assert entry.actor_name.startswith("API key mtp_")


def test_the_organization_limit_holds(system: System, north: Provider) -> None:
    Provider.objects.filter(pk=north.pk).update(organization_limit=1)
    system.post("/organizations", {"name": "One"})
    refused = problem(system.post("/organizations", {"name": "Two"}), 409)
    assert (refused["code"], refused["limit"]) == ("organization-limit-reached", 1)
    assert refused["contact"]["email"] == north.contact_email


def test_lists_are_paged(system: System) -> None:
    ids = [system.post("/organizations", {"name": f"O{n}"}).json()["id"] for n in range(5)]
    seen, after = [], 0
    while after is not None:
        page = system.get(f"/organizations?limit=2&after={after}").json()
        seen += [one["id"] for one in page["items"]]
        after = page["next"]
    assert seen == ids


def test_a_user_is_added_counted_and_removed(system: System, bakery: str, north: Provider) -> None:
    added = system.post(f"{bakery}/users", {"email": "Ann@X.example", "name": "Ann"})
    assert added.status_code == 201
    ann = added.json()
    assert (ann["email"], ann["state"], ann["external_id"]) == ("ann@x.example", "active", None)
    with provider_schema(north):
        assert ManagedUser.objects.get().added_via == "api"
        assert OrganizationCounter.objects.get(metric=Metric.USERS).count == 1
    again = system.post(f"{bakery}/users", {"email": "ann@x.example"})
    assert problem(again, 409)["code"] == "already-there"
    for _ in range(2):
        assert system.delete(f"{bakery}/users/{ann['id']}").status_code == 204
    assert system.get(f"{bakery}/users").json() == {"items": [], "next": None}
    with provider_schema(north):
        assert OrganizationCounter.objects.get(metric=Metric.USERS).count == 0


def test_a_reached_cap_names_cap_and_contact(system: System, bakery: str, north: Provider) -> None:
    with provider_schema(north):
        Organization.objects.update(user_cap=1)
    system.post(f"{bakery}/users", {"email": "a@x.example"})
    refused = problem(system.post(f"{bakery}/users", {"email": "b@x.example"}), 409)
    assert (refused["code"], refused["cap"], refused["count"]) == ("user-cap-reached", 1, 1)
    assert refused["contact"] == {"name": north.contact_name, "email": north.contact_email}
    assert north.contact_email in refused["detail"]
    many = [{"email": f"u{n}@x.example"} for n in range(3)]
    refused = problem(system.post(f"{bakery}/users/bulk", {"users": many}), 409)
    assert refused["asked"] == 3
    with provider_schema(north):
        Organization.objects.update(user_cap=None)
        MeteringPolicy.objects.update(free_user_limit=1)
    refused = problem(system.post(f"{bakery}/users", {"email": "b@x.example"}), 409)
    assert refused["code"] == "free-allowance-reached"
    with provider_schema(north):
        assert ManagedUser.objects.count() == 1


def test_an_external_id_adds_once(system: System, bakery: str, north: Provider) -> None:
    ann = {"email": "ann@x.example", "external_id": "hr-1"}
    first = system.post(f"{bakery}/users", ann)
    second = system.post(f"{bakery}/users", ann | {"email": "ANN@x.example"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert system.get(f"{bakery}/users?external_id=hr-1").json()["items"] == [first.json()]
    system.delete(f"{bakery}/users/{first.json()['id']}")
    again = system.post(f"{bakery}/users", ann)
    assert again.status_code == 201
    assert again.json()["id"] != first.json()["id"]
    with provider_schema(north):
        assert AuditEntry.objects.filter(action="user.added").count() == 2


def test_the_same_external_id_in_another_organization_is_another_user(
    system: System, bakery: str
) -> None:
    other = system.post("/organizations", {"name": "Foundry"}).json()["id"]
    body = {"email": "ann@x.example", "external_id": "hr-1"}
    assert system.post(f"{bakery}/users", body).status_code == 201
    assert system.post(f"/organizations/{other}/users", body).status_code == 201


def test_many_are_added_all_or_none(system: System, bakery: str, north: Provider) -> None:
    users = [{"email": f"u{n}@x.example", "external_id": f"hr-{n}"} for n in range(50)]
    done = system.post(f"{bakery}/users/bulk", {"users": users}).json()
    assert done["added"] == 50
    assert [one["external_id"] for one in done["items"]] == [one["external_id"] for one in users]
    more = [*users[:10], {"email": "new@x.example"}]
    again = system.post(f"{bakery}/users/bulk", {"users": more}).json()
    assert again["added"] == 1
    clashing = [
        {"email": "fresh@x.example"},
        {"email": "other@x.example", "external_id": "hr-2"},
        {"email": "u2@x.example"},
        {"email": "u7@x.example", "external_id": "hr-2"},
    ]
    refused = problem(system.post(f"{bakery}/users/bulk", {"users": clashing}), 409)
    assert (refused["code"], refused["places"]) == ("entries-clash", [3])
    del clashing[3]
    refused = problem(system.post(f"{bakery}/users/bulk", {"users": clashing}), 409)
    assert (refused["code"], refused["places"]) == ("entries-clash", [2])
    twice = [{"email": "t@x.example"}, {"email": "T@x.example"}]
    assert problem(system.post(f"{bakery}/users/bulk", {"users": twice}), 409)["places"] == [1]
    with provider_schema(north):
        assert ManagedUser.objects.count() == 51
        assert OrganizationCounter.objects.get(metric=Metric.USERS).count == 51
        assert AuditEntry.objects.filter(action="users.added").count() == 2


def test_a_device_is_added_and_removed(system: System, bakery: str, north: Provider) -> None:
    laptop = {"serial_number": "SN-1", "name": "Laptop", "external_id": "mdm-1"}
    first = system.post(f"{bakery}/devices", laptop)
    assert first.status_code == 201
    assert system.post(f"{bakery}/devices", laptop).status_code == 200
    many = [laptop, {"serial_number": "SN-2", "name": "Phone"}]
    assert system.post(f"{bakery}/devices/bulk", {"devices": many}).json()["added"] == 1
    assert len(system.get(f"{bakery}/devices").json()["items"]) == 2
    assert system.delete(f"{bakery}/devices/{first.json()['id']}").status_code == 204
    with provider_schema(north):
        assert Device.objects.filter(removed_at=None).count() == 1


def test_a_user_is_suspended_and_gets_an_external_id(system: System, bakery: str) -> None:
    ann = system.post(f"{bakery}/users", {"email": "ann@x.example"}).json()
    bob = system.post(f"{bakery}/users", {"email": "b@x.example", "external_id": "b"}).json()
    changed = system.patch(
        f"{bakery}/users/{ann['id']}", {"state": "suspended", "external_id": "a"}
    ).json()
    assert (changed["state"], changed["external_id"]) == ("suspended", "a")
    assert system.patch(f"{bakery}/users/{ann['id']}", {}).json() == changed
    clash = system.patch(f"{bakery}/users/{bob['id']}", {"external_id": "a"})
    assert problem(clash, 409)["code"] == "already-there"
    freed = system.patch(f"{bakery}/users/{ann['id']}", {"external_id": None}).json()
    assert freed["external_id"] is None
    system.delete(f"{bakery}/users/{ann['id']}")
    problem(system.patch(f"{bakery}/users/{ann['id']}", {"state": "active"}), 404)


@pytest.mark.parametrize("cap", [True, 0, 10_001, "5", 1.5])
def test_a_cap_is_a_number_in_its_range(cap: object, system: System) -> None:
    problem(system.post("/organizations", {"name": "Acme", "user_cap": cap}), 422)
    assert system.post("/organizations", {"name": "B", "user_cap": 5.0}).json()["user_cap"] == 5


@pytest.mark.parametrize(
    "body",
    [
        {"email": "no address"},
        {"email": "a@b.example\0"},
        {"email": "a@b.example", "name": "\u202ename"},
        {"email": "a@b.example", "external_id": "  "},
        {"email": "a@b.example", "external_id": "x" * 201},
        {"email": None},
        [],
        "text",
    ],
)
def test_an_invalid_body_is_refused(body: object, system: System, bakery: str) -> None:
    problem(system.post(f"{bakery}/users", body), 422)


@pytest.mark.proof
def test_concurrent_requests_with_one_external_id_add_one(
    own_provider: Callable[..., Provider],
) -> None:
    provider = own_provider()
    system = System.of(provider)
    organization = system.post("/organizations", {"name": "Bakery"}).json()["id"]

    def ask(number: int) -> list[int]:
        body = {"email": f"u{number}@x.example", "external_id": f"hr-{number}"}
        one = System(system.headers["x-api-key"])
        try:
            first = one.post(f"/organizations/{organization}/users", body)
            many = one.post(f"/organizations/{organization}/users/bulk", {"users": [body]})
            return [first.status_code, many.status_code]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(ask, [1, 1, 1, 1, 2, 2, 2, 2]))
    assert sorted(status for status, _ in statuses) == [200] * 6 + [201] * 2
    assert {status for _, status in statuses} == {200}
    with provider_schema(provider):
        assert ManagedUser.objects.count() == 2
