"""Users and devices on the provider's pages and on the organization's own."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client

from accounts.models import Provider
from core.actors import SYSTEM_ACTOR
from core.schema import provider_schema
from tenants.models import AuditEntry, Device, ManagedUser, MeteringPolicy, Organization
from tenants.organizations.lifecycle import set_user_cap
from tenants.users.membership import Via, add_member
from tests.personas import Personas

SignIn = Callable[..., Client]
NOW = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


@pytest.fixture
def acme(north: Provider) -> Organization:
    with provider_schema(north):
        return Organization.objects.create(name="Acme Nordlicht")


@pytest.fixture
def as_adam(client: Client, sign_in: SignIn, people: Personas) -> Client:
    return sign_in(client, people.adam)


def fill(north: Provider, organization: Organization, count: int) -> None:
    with provider_schema(north):
        for number in range(count):
            add_member(
                member=ManagedUser(
                    organization=organization, email=f"user{number}@acme.example", name=""
                ),
                actor=SYSTEM_ACTOR,
                via=Via.DEMO,
                now=NOW,
            )


def test_a_removed_user_can_be_added_again(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    address = f"/organizations/{acme.pk}/users/"
    as_adam.post(f"{address}add/", {"email": "Ann@Acme.example", "name": "Ann"})
    with provider_schema(north):
        ann = ManagedUser.objects.get()
    assert (ann.email, ann.added_by_name, ann.added_via) == (
        "ann@acme.example",
        "Adam Nordlicht",
        "form",
    )
    assert "stops counting now" in as_adam.get(f"{address}{ann.pk}/remove/").content.decode()
    as_adam.post(f"{address}{ann.pk}/remove/")
    as_adam.post(f"{address}{ann.pk}/remove/")
    as_adam.post(f"{address}add/", {"email": "ann@acme.example", "name": "Ann"})
    with provider_schema(north):
        assert ManagedUser.objects.filter(removed_at=None).count() == 1
        assert AuditEntry.objects.filter(action="user.removed").count() == 1


def test_a_second_user_of_the_address_is_refused(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    address = f"/organizations/{acme.pk}/users/add/"
    as_adam.post(address, {"email": "ann@acme.example"})
    answer = as_adam.post(address, {"email": "ANN@acme.example"})
    assert answer.status_code == 422
    assert "already has a user with this e-mail" in answer.content.decode()
    with provider_schema(north):
        assert ManagedUser.objects.count() == 1


@pytest.mark.parametrize(
    ("email", "name"),
    [
        ("", "Ann"),
        ("not an address", "Ann"),
        ("a@acme.example", "x" * 10_000),
        ("a@acme.example", "nul\x00"),
        ("a\x00@acme.example", ""),
        ("a@acme.example", "\u202eevil"),
        ("x" * 300 + "@acme.example", ""),
    ],
)
def test_an_invalid_user_is_refused(
    as_adam: Client, north: Provider, acme: Organization, email: str, name: str
) -> None:
    answer = as_adam.post(f"/organizations/{acme.pk}/users/add/", {"email": email, "name": name})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.content.decode()
    with provider_schema(north):
        assert not ManagedUser.objects.exists()


def test_a_refusal_at_the_cap_names_the_contact(
    client: Client, sign_in: SignIn, north: Provider, people: Personas
) -> None:
    organization = people.otto_organization
    fill(north, organization, 2)
    with provider_schema(north):
        set_user_cap(organization=organization, cap=2, actor=SYSTEM_ACTOR, now=NOW)
    otto = sign_in(client, people.otto)
    answer = otto.post("/organization/users/add/", {"email": "third@acme.example"})
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "contact your MSP administrator, Connie Nordlicht" in page
    assert "mailto:billing@nordlicht.example" in page
    assert "third@acme.example" in page, "what was typed is not lost"
    with provider_schema(north):
        assert ManagedUser.objects.count() == 2
        assert not AuditEntry.objects.filter(subject="third@acme.example").exists()


def test_the_free_allowance_stops_at_ten_until_lifted(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    fill(north, acme, 10)
    address = f"/organizations/{acme.pk}/users/add/"
    refused = as_adam.post(address, {"email": "eleventh@acme.example"})
    assert refused.status_code == 409
    assert "free allowance of 10 users" in refused.content.decode()
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None)
    assert as_adam.post(address, {"email": "eleventh@acme.example"}).status_code == 302


def test_a_cap_below_the_count_refuses_until_the_count_falls_below(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    fill(north, acme, 5)
    with provider_schema(north):
        set_user_cap(organization=acme, cap=4, actor=SYSTEM_ACTOR, now=NOW)
        leavers = list(ManagedUser.objects.order_by("id")[:2])
    address = f"/organizations/{acme.pk}/users/"
    new = {"email": "new@acme.example"}
    assert as_adam.post(f"{address}add/", new).status_code == 409
    as_adam.post(f"{address}{leavers[0].pk}/remove/")
    assert as_adam.post(f"{address}add/", new).status_code == 409
    as_adam.post(f"{address}{leavers[1].pk}/remove/")
    assert as_adam.post(f"{address}add/", new).status_code == 302


def test_suspending_changes_no_count(as_adam: Client, north: Provider, acme: Organization) -> None:
    fill(north, acme, 1)
    with provider_schema(north):
        user = ManagedUser.objects.get()
    address = f"/organizations/{acme.pk}/users/"
    as_adam.post(f"{address}{user.pk}/suspend/")
    assert "Suspended" in as_adam.get(f"{address}?filter=suspended").content.decode()
    with provider_schema(north):
        user.refresh_from_db()
        assert (user.state, user.removed_at) == ("suspended", None)
    as_adam.post(f"{address}{user.pk}/reactivate/")
    assert "No user matches" in as_adam.get(f"{address}?filter=suspended").content.decode()


def test_a_device_is_added_and_removed(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    address = f"/organizations/{acme.pk}/devices/"
    as_adam.post(f"{address}add/", {"name": "Laptop", "serial_number": "SN-1"})
    again = as_adam.post(f"{address}add/", {"name": "Other", "serial_number": "sn-1"})
    assert again.status_code == 422
    with provider_schema(north):
        laptop = Device.objects.get()
    as_adam.post(f"{address}{laptop.pk}/remove/")
    assert "Laptop" in as_adam.get(f"{address}?filter=removed").content.decode()


def test_a_read_only_administrator_can_not_change_members(
    client: Client, sign_in: SignIn, people: Personas, acme: Organization
) -> None:
    rita = sign_in(client, people.rita)
    address = f"/organizations/{acme.pk}/users/"
    assert "Add user" not in rita.get(address).content.decode()
    assert rita.post(f"{address}add/", {"email": "a@acme.example"}).status_code == 403


def test_an_organization_admin_reaches_no_other_organization(
    client: Client, sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    fill(north, acme, 1)
    with provider_schema(north):
        foreign = ManagedUser.objects.get()
    otto = sign_in(client, people.otto)
    assert otto.get("/organizations/").status_code == 403
    assert otto.get(f"/organizations/{acme.pk}/users/").status_code == 403
    assert otto.get(f"/organization/users/{foreign.pk}/remove/").status_code == 404
    assert otto.post(f"/organization/users/{foreign.pk}/remove/").status_code == 404
    assert "user0@acme.example" not in otto.get("/organization/users/").content.decode()
    with provider_schema(north):
        foreign.refresh_from_db()
    assert foreign.removed_at is None


def test_add_another_returns_to_the_form(as_adam: Client, acme: Organization) -> None:
    address = f"/organizations/{acme.pk}/users/add/"
    answer = as_adam.post(address, {"email": "a@acme.example", "another": "1"})
    assert answer["Location"] == address


def test_a_name_that_looks_the_same_is_pointed_out(as_adam: Client, acme: Organization) -> None:
    url = f"/organizations/{acme.pk}/users/add/"
    as_adam.post(url, {"email": "ann@acme.example", "name": "Ann Lee"})
    other = {"email": "bo@acme.example", "name": "Bo Diaz"}
    assert "has the same name" not in as_adam.post(url, other, follow=True).content.decode()
    # The first letter is Cyrillic.
    same = {"email": "lee@acme.example", "name": "\u0410nn  Lee"}
    page = as_adam.post(url, same, follow=True).content.decode()
    assert "ann@acme.example has the same name, Ann Lee" in page
