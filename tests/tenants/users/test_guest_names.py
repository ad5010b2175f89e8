"""A guest's user principal name means the guest's own address, in every way in."""

from collections.abc import Callable, Iterator
from importlib import import_module

import pytest
from django.db import connection
from django.test import Client

from accounts.models import Provider
from core.addresses import NotAnAddress, address_key, search_key, user_address
from core.schema import provider_schema
from tenants.models import ManagedUser, Organization, UserAlias
from tests.api_client import System
from tests.personas import Personas
from tests.tenants.import_files import add, applied, checked, lift_allowance, living

GUEST = "Gwen.Lee_partner.example#EXT#@acme.onmicrosoft.example"
ADDRESS = "gwen.lee@partner.example"


@pytest.fixture
def acme(north: Provider) -> Iterator[Organization]:
    with provider_schema(north):
        lift_allowance()
        yield Organization.objects.create(name="Acme Nordlicht")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (GUEST, ADDRESS),
        (f"  {GUEST.lower()} ", ADDRESS),
        ("first_last_partner.example#EXT#@x.example", "first_last@partner.example"),
        ("ann_münchen.example#EXT#@x.example", "ann@münchen.example"),
        ("ann@acme.example", "ann@acme.example"),
        ("ann_lee@acme.example", "ann_lee@acme.example"),
    ],
)
def test_the_address_inside_of_a_guests_name(text: str, address: str) -> None:
    assert user_address(text) == address


def test_a_name_without_an_address_inside() -> None:
    assert user_address("gwen#EXT#@x.example") == "gwen#ext#@x.example"
    with pytest.raises(NotAnAddress):
        user_address("_partner.example#EXT#")


@pytest.fixture
def as_adam(client: Client, sign_in: Callable[..., Client], people: Personas) -> Client:
    return sign_in(client, people.adam)


@pytest.mark.parametrize("first", ["form", "api", "import"])
def test_a_guest_counts_once_by_form_api_and_import(
    as_adam: Client, north: Provider, acme: Organization, first: str
) -> None:
    system = System.of(north)
    root = f"/organizations/{acme.pk}"

    def by(way: str, text: str) -> int:
        match way:
            case "form":
                fields = {"email": text, "name": "Gwen", "seen_peak": "9"}
                return as_adam.post(f"{root}/users/add/", fields).status_code
            case "api":
                return system.post(f"{root}/users", {"email": text}).status_code
            case _:
                with provider_schema(north):
                    run = checked(acme, f"Email,Name\n{text},Gwen")
                    return 201 if run.good_lines else 409

    if first == "import":
        # A line of a guest is shown apart.
        with provider_schema(north):
            assert checked(acme, f"Email,Name\n{GUEST},Gwen").left_out == 1
            assert applied(checked(acme, f"Email,Name\n{ADDRESS},Gwen")).added == 1
    else:
        assert by(first, GUEST) in {201, 302}
    with provider_schema(north):
        assert living(acme) == [ADDRESS]
    for way in ("form", "api", "import"):
        for text in (GUEST, ADDRESS):
            assert by(way, text) in {422, 409}, (way, text)
    with provider_schema(north):
        assert search_key(GUEST) == address_key(ADDRESS)


def test_guests_of_earlier_releases_get_their_address(acme: Organization) -> None:
    gwen = add(acme, GUEST.lower())
    known, double = (
        add(acme, "bo@partner.example"),
        add(acme, "bo_partner.example#ext#@x.example"),
    )
    strange = add(acme, "gwen#ext#@x.example")
    migration = import_module("usage.migrations.0014_guest_addresses")
    with connection.cursor() as cursor:
        cursor.execute(migration.Migration.operations[0].sql)
    kept = [known.email, double.email, strange.email]
    assert living(acme) == [ADDRESS, *kept], "two rows of one address stay until they are merged"
    gwen.refresh_from_db()
    assert gwen.address_key == ADDRESS
    assert UserAlias.objects.get(user=gwen).text == GUEST.lower()
    assert ManagedUser.objects.living().count() == 4
