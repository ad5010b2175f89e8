"""Users and devices of all organizations in one list."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from accounts.models import User
from core.actors import SYSTEM_ACTOR
from core.schema import provider_schema
from tenants.models import Device, ManagedUser, MeteringPolicy, Organization
from tenants.organizations.lifecycle import remove_organization
from tests.personas import Personas

SignIn = Callable[[Client, User], Client]
LISTS = ("/people/", "/people/devices/", "/people/users.csv", "/people/devices.csv")


@pytest.fixture
def acme(people: Personas) -> Organization:
    """Acme and Beta, each with two users, one of them suspended, a removed one, and a device."""
    with provider_schema(people.south):
        filled("Gamma")
    with provider_schema(people.north):
        MeteringPolicy.objects.update(free_user_limit=None)
        acme, _ = filled("Acme"), filled("Beta")
        gone = filled("Gone")
        remove_organization(organization=gone, actor=SYSTEM_ACTOR, now=timezone.now())
    return acme


def filled(name: str) -> Organization:
    organization = Organization.objects.create(name=name)
    of = {"organization": organization}
    ManagedUser.objects.create(email=f"ann@{name}.example".lower(), name="Ann", **of)
    ManagedUser.objects.create(email=f"zoe@{name}.example".lower(), state="suspended", **of)
    left = ManagedUser.objects.create(email=f"left@{name}.example".lower(), **of)
    ManagedUser.objects.filter(pk=left.pk).update(removed_at=Now())
    Device.objects.create(name=f"Laptop of {name}", serial_number=f"SN-{name}", **of)
    return organization


def body(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    content = answer.getvalue() if answer.streaming else answer.content
    return content.decode()


def test_both_lists_name_the_organization_and_link_to_the_member(
    client: Client, sign_in: SignIn, people: Personas, acme: Organization
) -> None:
    adam = sign_in(client, people.adam)
    users = body(adam, "/people/")
    with provider_schema(people.north):
        ann = ManagedUser.objects.get(email="ann@acme.example")
    assert f'href="/organizations/{acme.pk}/users/{ann.pk}/edit/"' in users
    assert "ann@beta.example" in users
    assert "left@" not in users
    devices = body(adam, "/people/devices/")
    assert "SN-Acme" in devices
    assert f'href="/organizations/{acme.pk}/"' in devices


def test_search_filter_sort_and_download_are_those_of_an_organization(
    client: Client, sign_in: SignIn, people: Personas, acme: Organization
) -> None:
    adam = sign_in(client, people.adam)
    assert "zoe@beta" not in body(adam, "/people/?q=%C3%81nn")
    assert "ann@beta" in body(adam, "/people/?q=%C3%81nn")
    assert "ann@" not in body(adam, "/people/?filter=suspended")
    assert "left@beta" in body(adam, "/people/?filter=removed")
    assert "left@gone" not in body(adam, "/people/?filter=removed")
    page = body(adam, "/people/?sort=-email")
    assert page.index("zoe@beta") < page.index("zoe@acme") < page.index("ann@acme")
    lines = body(adam, "/people/users.csv").splitlines()
    assert lines[0].lstrip("\ufeff") == "Organization,E-mail,Name,State"
    assert "Acme,ann@acme.example,Ann,Active" in lines
    assert len(lines) == 5
    assert "Acme,Laptop of Acme,SN-Acme" in body(adam, "/people/devices.csv").splitlines()


def test_several_addresses_find_their_users_and_no_other(
    client: Client, sign_in: SignIn, people: Personas, acme: Organization
) -> None:
    with provider_schema(people.north):
        ManagedUser.objects.create(email="joann@acme.example", organization=acme)
        zoe = ManagedUser.objects.get(email="zoe@acme.example")
        zoe.email = "zoe.new@acme.example"
        zoe.save()
    adam = sign_in(client, people.adam)
    pasted = "Ann <ANN@acme.example>; mailto:zoe@acme.example, ann@beta.example x@beta.example"
    page = body(adam, f"/people/?q={quote(pasted)}")
    found = ("ann@acme.example", "zoe.new@acme.example", "ann@beta.example")
    assert [f"{each}</a>" in page for each in found] == [True] * 3
    assert "joann@" not in page, "a part of an address is not the address"
    assert "zoe@beta" not in page
    assert "No user here has x@beta.example." in page
    assert "No user here" not in body(adam, "/people/?q=ann@acme.example")
    assert "joann@" in body(adam, "/people/?q=ann@acme.example"), "one is searched as a text"


def test_a_list_of_addresses_may_be_long(
    client: Client, sign_in: SignIn, people: Personas, acme: Organization
) -> None:
    adam = sign_in(client, people.adam)
    pasted = ",".join([*(f"person.{n}@long.example" for n in range(40)), "ann@acme.example"])
    assert 'rel="next"' not in body(adam, f"/people/?q={quote(pasted)}")
    assert "ann@acme.example</a>" in body(adam, f"/people/?q={quote(pasted)}")
    assert adam.get("/people/", {"q": "@@ a@ @b , ;" * 400}).status_code == 200


@pytest.mark.parametrize("address", LISTS)
def test_an_administrator_sees_only_their_organizations(
    address: str, client: Client, sign_in: SignIn, people: Personas, acme: Organization
) -> None:
    assert "beta" in body(sign_in(client, people.rita), address).lower()
    people.rita.limited_to = [acme.pk]
    people.rita.save()
    seen = body(sign_in(client, people.rita), address).lower()
    assert "acme" in seen
    assert "beta" not in seen


@pytest.mark.parametrize("address", LISTS)
def test_no_one_sees_others(
    address: str, client: Client, sign_in: SignIn, people: Personas, acme: Organization
) -> None:
    """Neither another provider's members, nor those of a removed organization."""
    seen = body(sign_in(client, people.olive), address).lower()
    assert "gamma" not in seen
    assert "gone" not in seen
    assert sign_in(client, people.otto).get(address).status_code == 403


def test_who_may_only_look_gets_no_actions(
    client: Client, sign_in: SignIn, people: Personas, acme: Organization
) -> None:
    assert "/remove/" in body(sign_in(client, people.adam), "/people/")
    assert "/remove/" not in body(sign_in(client, people.rita), "/people/")
