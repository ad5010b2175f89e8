"""The search finds what the person may see, in any spelling, and nothing else."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from core.actors import SYSTEM_ACTOR
from core.schema import provider_schema
from mtp.search.found import find
from tenants.models import Device, ManagedUser, MeteringPolicy, Organization, UserAlias
from tenants.organizations.lifecycle import remove_organization
from tests.personas import Personas
from tests.test_isolation import make_invoice

SignIn = Callable[[Client, User], Client]
NOW = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


@pytest.fixture
def acme(people: Personas) -> Organization:
    """Acme, Beta and a removed one of north, Gamma of south; each with a Jané and a device."""
    with provider_schema(people.south):
        _filled("Gamma")
    with provider_schema(people.north):
        MeteringPolicy.objects.update(free_user_limit=None)
        acme, beta, gone = (_filled(name) for name in ("Acme", "Beta", "Gone"))
        remove_organization(organization=gone, actor=SYSTEM_ACTOR, now=timezone.now())
        make_invoice(beta)
    return acme


def _filled(name: str) -> Organization:
    organization = Organization.objects.create(name=f"{name} Ünited")
    of = {"organization": organization}
    ManagedUser.objects.create(
        email=f"jane@{name.lower()}-müller.example", name="Jané García", **of
    )
    left = ManagedUser.objects.create(email=f"left@{name.lower()}.example", **of)
    ManagedUser.objects.filter(pk=left.pk).update(removed_at=Now())
    Device.objects.create(name="Laptop", serial_number=f"SN-{name}-77", **of)
    return organization


def found(client: Client, typed: str, target: str = "") -> str:
    headers = {"HX-Request": "true", "HX-Target": target} if target else {}
    answer = client.get("/search/", {"q": typed}, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(
    "typed",
    [
        "jane@acme",
        "JANE@ACME-MÜLLER.EXAMPLE",
        "jane@acme-muller",
        "jane@acme-mu\u0308ller.example",
        "@xn--acme-mller-feb.example",
        "acme-müller.exa",
        "acme-muller",
        "ja",
        "garcia",
        "  GARCÍA ",
        "e\u0301 garci",
        "Jаne",  # a Cyrillic a
    ],
)
def test_a_user_is_found_in_any_spelling(
    typed: str, client: Client, sign_in: SignIn, people: Personas, acme: Organization
) -> None:
    body = found(sign_in(client, people.adam), typed)
    assert "jane@acme-müller.example" in body
    assert f"/organizations/{acme.pk}/users/?q=jane%40acme" in body


def test_everything_is_found(
    client: Client, sign_in: SignIn, people: Personas, acme: Organization
) -> None:
    olive = sign_in(client, people.olive)
    assert f'href="/organizations/{acme.pk}/"' in found(olive, "cme united")
    assert "SN-Acme-77" in found(olive, "sn-acme")
    assert "SN-Acme-77" in found(olive, "la")
    assert "Nordlicht-000001" in found(olive, "nordlicht-0")
    assert "/account/administrators/invite/" in found(olive, "administrator inv")
    assert "/account/payments/" in found(olive, "payment hist")
    assert "Nothing matches" in found(olive, "zzzz")
    assert "Nothing matches" not in found(olive, "")


def test_rows_of_no_one_are_not_found(
    client: Client, sign_in: SignIn, people: Personas, acme: Organization
) -> None:
    """Those of a removed organization, removed users, and of another provider."""
    olive = sign_in(client, people.olive)
    for typed in ("jane", "left", "gone", "gamma", "united", "sn-", "laptop"):
        body = found(olive, typed)
        assert "Gone" not in body, typed
        assert "gone" not in body.replace('value="gone"', "").replace("“gone”", ""), typed
        assert "amma-" not in body, typed
        assert "Gamma" not in body, typed
        assert "left@" not in body, typed


def test_earlier_addresses_find_a_user_until_they_end(
    client: Client, sign_in: SignIn, people: Personas, acme: Organization
) -> None:
    olive = sign_in(client, people.olive)
    with provider_schema(people.north):
        jane = ManagedUser.objects.get(email="jane@acme-müller.example")
        jane.email = "jane.smith@acme.example"
        jane.save()
    assert "jane.smith@acme.example" in found(olive, "acme-müller")
    with provider_schema(people.north):
        UserAlias.objects.update(ended_at=NOW)
    assert "jane.smith@acme.example" not in found(olive, "acme-müller")


def test_an_administrator_finds_only_their_organizations(
    client: Client, sign_in: SignIn, people: Personas, acme: Organization
) -> None:
    people.adam.limited_to = [acme.pk]
    people.adam.save()
    adam = sign_in(client, people.adam)
    for typed in ("jane", "ja", "garcia", "united", "laptop", "la", "sn-", "eta", "müller"):
        body = found(adam, typed)
        assert "beta" not in body.lower(), typed
        assert "acme" in body.lower() or typed == "eta", typed
    with provider_schema(people.north):
        UserAlias.objects.bulk_create(
            UserAlias(
                organization=user.organization, user=user, kind="address", text="x", key="old@x"
            )
            for user in ManagedUser.objects.filter(removed_at=None)
        )
    body = found(adam, "old@x")
    assert "jane@acme" in body
    assert "jane@beta" not in body
    assert "Create an organization" not in found(adam, "")


def test_an_organization_s_admin_finds_its_own_rows_and_pages(
    client: Client, sign_in: SignIn, people: Personas, acme: Organization
) -> None:
    with provider_schema(people.north):
        ManagedUser.objects.create(organization=people.otto_organization, email="jane@otto.example")
    otto = sign_in(client, people.otto)
    for typed in ("jane", "ja", "otto", "laptop", "acme", "beta", "united", "nordlicht-0", ""):
        body = found(otto, typed, "search-results")
        assert "acme" not in body.lower().replace("“acme”", ""), typed
        assert "beta" not in body.lower().replace("“beta”", ""), typed
        assert "000001" not in body, typed
        assert "/organizations/" not in body, typed
        assert "/account/" not in body, typed
    assert 'href="/organization/users/?q=jane%40otto.example"' in found(otto, "jane")
    assert 'href="/organization/users/import/"' in found(otto, "import")


@pytest.mark.parametrize(("name", "sees"), [("bill", True), ("adam", False), ("rita", False)])
def test_invoices_are_for_roles_that_see_money(
    name: str, sees: bool, client: Client, people: Personas, acme: Organization
) -> None:
    person = client
    person.force_login(getattr(people, name))
    body = found(person, "nordlicht-000001", "search-results")
    assert ("/account/payments/" in body) == sees
    with CaptureQueriesContext(connection) as statements:
        found(person, "nordlicht-000001")
    invoices = [
        each for each in statements if "billing_invoice" in each["sql"] and "LIKE" in each["sql"]
    ]
    assert bool(invoices) == sees
    assert ("Update payment method" in found(person, "payment")) == sees


def test_nothing_is_a_pattern(
    client: Client, sign_in: SignIn, people: Personas, acme: Organization
) -> None:
    olive = sign_in(client, people.olive)
    for typed in ("%", "_", "\\", "j%e", "jan_", "'", '"', "\x00", "x" * 5_000, "%%s", "{{"):
        assert "jane@" not in found(olive, typed), typed


def test_the_rows_come_in_one_statement(people: Personas, acme: Organization) -> None:
    with provider_schema(people.north):
        for typed in ("jane", "ja"):
            find(typed, sees_money=True)
            with CaptureQueriesContext(connection) as statements:
                find(typed, sees_money=True)
            assert len(statements) == 1


def test_dialog_and_results_are_parts_of_the_page(
    client: Client, sign_in: SignIn, people: Personas, acme: Organization
) -> None:
    olive = sign_in(client, people.olive)
    page, dialog, options = (
        found(olive, "acme", target) for target in ("", "dialog-slot", "search-options")
    )
    assert "<html" in page
    assert 'role="option"' not in page
    assert "<html" not in dialog
    assert 'role="combobox"' in dialog
    assert 'role="option"' in dialog
    assert "<dialog" not in options
    assert 'role="option"' in options


def test_shortcuts_are_those_of_the_person_s_menu(
    client: Client, sign_in: SignIn, people: Personas
) -> None:
    body = sign_in(client, people.olive).get("/shortcuts/").content.decode()
    assert "Organizations" in body
    assert 'data-key="o"' in body
    assert "Devices" in sign_in(client, people.otto).get("/shortcuts/").content.decode()
