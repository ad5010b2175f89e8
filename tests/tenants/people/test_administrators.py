"""Administrators: a change applies to the next request; the last Owner can't be removed."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError
from django.test import Client
from django.utils import timezone

from accounts.models import Invitation, Provider, User
from accounts.roles import Role
from core.schema import provider_schema
from tenants.models import AuditEntry, Organization
from tenants.people.administrators import change_administrator, transfer_ownership
from tenants.people.invitations import Invitee, invite
from tenants.people.rules import RoleTooHigh
from tests.personas import Personas, create_persona

SignIn = Callable[..., Client]


@pytest.fixture
def as_olive(client: Client, sign_in: SignIn, people: Personas) -> Client:
    return sign_in(client, people.olive)


def edit(client: Client, person: User, **values: object) -> str:
    response = client.post(f"/account/administrators/{person.pk}/", values)
    return response.text if response.status_code == 422 else ""


def actions(north: Provider) -> list[str]:
    with provider_schema(north):
        return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def test_a_demotion_applies_to_the_next_request(
    as_olive: Client, sign_in: SignIn, people: Personas
) -> None:
    create_persona(
        provider=people.north, role=Role.BILLING_ADMIN, name="Second", email="second@n.example"
    )
    bills = sign_in(Client(), people.bill)
    assert bills.get("/account/payments/").status_code == 200
    assert edit(as_olive, people.bill, role="admin") == ""
    assert bills.get("/account/payments/").status_code == 302
    bills = sign_in(bills, User.objects.get(pk=people.bill.pk))
    assert bills.get("/account/payments/").status_code == 403
    assert "administrator.changed" in actions(people.north)


def test_a_removal_applies_to_the_next_request(
    as_olive: Client, sign_in: SignIn, people: Personas
) -> None:
    adams = sign_in(Client(), people.adam)
    assert adams.get("/organizations/").status_code == 200
    assert (
        "signed out with their next click"
        in as_olive.get(f"/account/administrators/{people.adam.pk}/remove/").text
    )
    as_olive.post(f"/account/administrators/{people.adam.pk}/remove/")
    assert adams.get("/organizations/").status_code == 302
    assert "Adam" in as_olive.get("/account/administrators/?filter=removed").text
    as_olive.post(f"/account/administrators/{people.adam.pk}/reinstate/")
    assert adams.get("/organizations/").status_code == 302
    assert actions(people.north) == ["administrator.removed", "administrator.reinstated"]


@pytest.mark.parametrize(("name", "expected"), [("olive", "last Owner"), ("bill", "last Admin")])
def test_the_last_owner_and_billing_administrator_can_not_be_removed(
    name: str, expected: str, as_olive: Client, people: Personas
) -> None:
    person = getattr(people, name)
    assert expected in edit(as_olive, person, role="read_only")
    response = as_olive.post(f"/account/administrators/{person.pk}/remove/")
    assert response.status_code == 409
    assert expected in response.text
    assert User.objects.get(pk=person.pk).is_active
    assert actions(people.north) == []


def test_a_removed_owner_does_not_count_as_another_owner(
    as_olive: Client, people: Personas
) -> None:
    User.objects.filter(pk=people.bill.pk).update(role=Role.OWNER, is_active=False)
    assert "last Owner" in edit(as_olive, people.olive, role="admin")


def test_the_last_billing_administrator_may_become_owner(
    as_olive: Client, people: Personas
) -> None:
    assert edit(as_olive, people.bill, role="owner") == ""
    assert User.objects.get(pk=people.bill.pk).role == Role.OWNER


def test_ownership_is_transferred(as_olive: Client, people: Personas) -> None:
    address = f"/account/administrators/{people.adam.pk}/make-owner/"
    assert "Administrator with Billing at once" in as_olive.get(address).text
    assert as_olive.post(address)["Location"] == "/account/"
    roles = dict(User.objects.filter(provider=people.north).values_list("name", "role"))
    assert (roles["Adam Nordlicht"], roles["Olive Nordlicht"]) == ("owner", "billing_admin")
    assert as_olive.get("/account/administrators/").status_code == 403
    assert actions(people.north) == ["ownership.transferred"]


def test_ownership_goes_only_to_another_administrator(as_olive: Client, people: Personas) -> None:
    assert (
        as_olive.post(f"/account/administrators/{people.olive.pk}/make-owner/").status_code == 409
    )
    for outsider in (people.sofia, people.otto):
        address = f"/account/administrators/{outsider.pk}/make-owner/"
        assert as_olive.post(address).status_code == 404


def test_a_role_above_the_own_can_not_be_granted(people: Personas) -> None:
    now = timezone.now()
    invitee = Invitee(email="a@b.example", name="A", role=Role.OWNER)
    with provider_schema(people.north):
        for giver in (people.bill, people.adam, people.rita):
            with pytest.raises(RoleTooHigh):
                change_administrator(
                    administrator=people.rita, role=Role.OWNER, limited_to=None, by=giver, now=now
                )
            with pytest.raises(RoleTooHigh):
                transfer_ownership(successor=people.rita, by=giver, now=now)
            with pytest.raises(RoleTooHigh):
                invite(provider=people.north, invitee=invitee, by=giver, now=now)


def test_the_acting_user_is_read_from_the_database(people: Personas) -> None:
    stale = people.olive
    User.objects.filter(pk=stale.pk).update(role=Role.ADMIN)
    with provider_schema(people.north), pytest.raises(RoleTooHigh):
        change_administrator(
            administrator=people.rita,
            role=Role.ADMIN,
            limited_to=None,
            by=stale,
            now=timezone.now(),
        )


def test_an_administrator_of_another_provider_can_not_be_changed(people: Personas) -> None:
    outsider = create_persona(
        provider=people.south, role=Role.ADMIN, name="Sven Suedwind", email="sven@s.example"
    )
    with provider_schema(people.north), pytest.raises(RoleTooHigh):
        change_administrator(
            administrator=outsider,
            role=Role.READ_ONLY,
            limited_to=None,
            by=people.olive,
            now=timezone.now(),
        )


def test_roles_with_money_are_never_limited(people: Personas) -> None:
    with provider_schema(people.north):
        changed = change_administrator(
            administrator=people.adam,
            role=Role.BILLING_ADMIN,
            limited_to=[1],
            by=people.olive,
            now=timezone.now(),
        )
    assert changed.limited_to is None
    with pytest.raises(IntegrityError):
        User.objects.filter(pk=changed.pk).update(limited_to=[1])


def test_invitations_above_a_lowered_role_are_withdrawn(as_olive: Client, people: Personas) -> None:
    as_olive.post(
        "/account/administrators/invite/",
        {"name": "New", "email": "new@n.example", "role": "owner"},
    )
    as_olive.post(f"/account/administrators/{people.adam.pk}/make-owner/")
    assert Invitation.objects.get().revoked_at is not None


@pytest.fixture
def bakery(north: Provider) -> Organization:
    with provider_schema(north):
        Organization.objects.create(name="Forbidden Foundry")
        return Organization.objects.create(name="Bakery Nordlicht")


def test_a_limited_administrator_sees_only_their_organizations(
    as_olive: Client, sign_in: SignIn, people: Personas, bakery: Organization
) -> None:
    adams = sign_in(Client(), people.adam)
    assert "Foundry" in adams.get("/organizations/").text
    values = {"role": "admin", "is_limited": "on", "organizations": [bakery.pk]}
    assert edit(as_olive, people.adam, **values) == ""
    adams = sign_in(adams, User.objects.get(pk=people.adam.pk))
    with provider_schema(people.north):
        foundry = Organization.objects.get(name="Forbidden Foundry")
    for page in ("/organizations/", "/account/usage/", "/account/usage.csv"):
        text = adams.get(page).content.decode()
        assert "Bakery" in text, page
        assert "Foundry" not in text, page
    for page in ("", "users/", "devices/", "administrators/", "rename/"):
        assert adams.get(f"/organizations/{bakery.pk}/{page}").status_code == 200, page
        assert adams.get(f"/organizations/{foundry.pk}/{page}").status_code == 404, page
    assert adams.post(f"/organizations/{foundry.pk}/impersonate/").status_code == 404
    assert adams.get("/organizations/new/").status_code == 403
    assert "1 of them" in as_olive.get("/account/administrators/").text


def test_a_new_limit_ends_the_impersonation(
    as_olive: Client, sign_in: SignIn, people: Personas, bakery: Organization
) -> None:
    with provider_schema(people.north):
        foundry = Organization.objects.get(name="Forbidden Foundry")
    adams = sign_in(Client(), people.adam)
    adams.post(f"/organizations/{foundry.pk}/impersonate/")
    assert adams.get("/organization/users/").status_code == 200
    User.objects.filter(pk=people.adam.pk).update(limited_to=[bakery.pk])
    assert adams.get("/organization/users/").status_code == 404
    User.objects.filter(pk=people.adam.pk).update(limited_to=None)
    edit(as_olive, people.adam, role="admin", is_limited="on", organizations=[bakery.pk])
    assert adams.get("/organization/users/").status_code == 302


@pytest.mark.parametrize(
    ("role", "expected"), [("owner", "name all organizations"), ("admin", "Choose at least one")]
)
def test_an_invalid_limit_is_refused(
    role: str, expected: str, as_olive: Client, people: Personas
) -> None:
    assert expected in edit(as_olive, people.adam, role=role, is_limited="on")


def test_a_promotion_ends_the_limit(
    as_olive: Client, people: Personas, bakery: Organization
) -> None:
    edit(as_olive, people.adam, role="admin", is_limited="on", organizations=[bakery.pk])
    edit(as_olive, people.adam, role="billing_admin")
    assert User.objects.get(pk=people.adam.pk).limited_to is None
