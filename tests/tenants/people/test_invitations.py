"""Invitations: a link works once, for seven days, and only the newest; other logins stay secret."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.models import Invitation, User
from core.actors import SYSTEM_ACTOR
from core.outbox.delivery import deliver_due
from core.schema import provider_schema
from tenants.models import AuditEntry, Organization
from tenants.organizations.lifecycle import remove_organization
from tests.personas import Personas
from tests.queued_mails import check_mail

SignIn = Callable[..., Client]
NEW = {"name": "Nina Nordlicht", "email": "Nina@New.example", "role": "admin"}
CHOSEN = {"name": "Nina N.", "password": "a quiet brook in the morning"}


@pytest.fixture
def as_olive(client: Client, sign_in: SignIn, people: Personas) -> Client:
    return sign_in(client, people.olive)


def mailed_link() -> str:
    deliver_due(now=timezone.now())
    message = mail.outbox[-1]
    found = re.search(r"http://testserver(/invitation/[\w-]+/)", message.body)
    assert found
    html = str(message.alternatives[0].content)
    assert found[1] in html
    check_mail({"subject": message.subject, "text": message.body, "html": html})
    return found[1]


def invite(client: Client, **changed: object) -> str:
    response = client.post("/account/administrators/invite/", NEW | changed)
    assert response.status_code == 302, response.text
    return mailed_link()


def test_an_invited_person_creates_one_login(as_olive: Client, people: Personas) -> None:
    link = invite(as_olive)
    assert mail.outbox[-1].to == ["nina@new.example"]
    stranger = Client()
    assert "nina@new.example" in stranger.get(link).text
    assert stranger.post(link, CHOSEN)["Location"] == "/accounts/login/"
    nina = User.objects.get(email="nina@new.example")
    assert (nina.provider, nina.role, nina.name) == (people.north, "admin", "Nina N.")
    assert nina.check_password(CHOSEN["password"])
    assert stranger.get(link).status_code == 410
    assert stranger.post(link, CHOSEN).status_code == 410
    with provider_schema(people.north):
        logged = list(AuditEntry.objects.order_by("id").values_list("action", "actor_name"))
    assert logged == [
        ("invitation.sent", "Olive Nordlicht"),
        ("invitation.accepted", "Nina N."),
    ]


def test_the_token_is_stored_as_a_hash(as_olive: Client) -> None:
    token = invite(as_olive).split("/")[2]
    kept = " ".join(str(value) for value in Invitation.objects.values().get().values())
    assert token not in kept


def test_an_expired_link_is_refused(as_olive: Client) -> None:
    link = invite(as_olive)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=7, seconds=1)):
        assert Client().get(link).status_code == 410
        assert Client().post(link, CHOSEN).status_code == 410


def test_a_resent_invitation_ends_the_first_link(as_olive: Client) -> None:
    first = invite(as_olive)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11)):
        as_olive.post(f"/account/invitations/{Invitation.objects.get().pk}/resend/")
        second = mailed_link()
    assert first != second
    assert Client().get(first).status_code == 410
    assert Client().get(second).status_code == 200


def test_a_revoked_invitation_ends_the_link(as_olive: Client) -> None:
    link = invite(as_olive)
    invitation = Invitation.objects.get()
    as_olive.post(f"/account/invitations/{invitation.pk}/revoke/")
    assert Client().post(link, CHOSEN).status_code == 410
    assert as_olive.post(f"/account/invitations/{invitation.pk}/resend/").status_code == 404


def test_a_weak_password_is_refused(as_olive: Client) -> None:
    link = invite(as_olive)
    for password in ("short", "password1234", "Nina Nordlicht"):
        values = {"name": "Nina Nordlicht", "password": password}
        assert Client().post(link, values).status_code == 422
    assert not User.objects.filter(email="nina@new.example").exists()


@pytest.mark.parametrize("token", ["x", "x" * 300, "%00", "ключ"])
def test_an_unknown_token_is_refused(token: str, client: Client, db: None) -> None:
    assert client.get(f"/invitation/{token}/").status_code == 410


def test_existing_administrators_and_open_invitations_are_refused(
    as_olive: Client, people: Personas
) -> None:
    address = "/account/administrators/invite/"
    again = as_olive.post(address, NEW | {"email": people.adam.email})
    assert "already signs in" in again.text
    invite(as_olive)
    assert "invited already" in as_olive.post(address, NEW).text


def test_an_inviter_does_not_learn_of_a_login_with_another_provider(
    as_olive: Client, people: Personas
) -> None:
    link = invite(as_olive, email=people.sofia.email)
    page = Client().post(link, CHOSEN)
    assert page.status_code == 409
    assert User.objects.get(pk=people.sofia.pk).provider == people.south
    assert not User.objects.get(pk=people.sofia.pk).check_password(CHOSEN["password"])


def test_an_organization_admin_is_invited_for_one_organization(
    client: Client, sign_in: SignIn, people: Personas
) -> None:
    organization = people.otto_organization
    adams = sign_in(client, people.adam)
    assert (
        "No administrators yet"
        in adams.get(f"/organizations/{organization.pk}/administrators/").text
    )
    adams.post(f"/organizations/{organization.pk}/administrators/invite/", NEW)
    Client().post(mailed_link(), CHOSEN)
    nina = User.objects.get(email="nina@new.example")
    assert (nina.role, nina.organization_id) == ("organization_admin", organization.pk)
    ninas = sign_in(Client(), nina)
    assert ninas.get("/organization/").status_code == 200
    assert ninas.get("/organizations/").status_code == 403
    address = f"/organizations/{organization.pk}/administrators/{nina.pk}/remove/"
    adams.post(address)
    assert ninas.get("/organization/").status_code == 302
    adams.post(address)
    assert ninas.get("/organization/").status_code == 302
    ninas = sign_in(ninas, User.objects.get(pk=nina.pk))
    assert ninas.get("/organization/").status_code == 200


def test_the_invitation_to_a_removed_organization_is_refused(
    client: Client, sign_in: SignIn, people: Personas
) -> None:
    organization = people.otto_organization
    adams = sign_in(client, people.adam)
    adams.post(f"/organizations/{organization.pk}/administrators/invite/", NEW)
    link = mailed_link()
    with provider_schema(people.north):
        remove_organization(organization=organization, actor=SYSTEM_ACTOR, now=timezone.now())
    assert Client().post(link, CHOSEN).status_code == 410


def test_only_owners_change_the_invitations_of_administrators(
    as_olive: Client, sign_in: SignIn, people: Personas
) -> None:
    invite(as_olive)
    adams = sign_in(Client(), people.adam)
    address = f"/account/invitations/{Invitation.objects.get().pk}/revoke/"
    assert adams.post(address).status_code == 404
    assert Invitation.objects.get().revoked_at is None


def test_an_unusable_invitation_is_replaced(
    client: Client, sign_in: SignIn, people: Personas
) -> None:
    first = people.otto_organization
    with provider_schema(people.north):
        second = Organization.objects.create(name="Foundry")
    adams = sign_in(client, people.adam)
    address = "/organizations/{}/administrators/invite/"
    adams.post(address.format(first.pk), NEW)
    again = adams.post(address.format(second.pk), NEW)
    assert again.status_code == 422
    assert f"invited already to {first.name}" in again.text
    with provider_schema(people.north):
        remove_organization(organization=first, actor=SYSTEM_ACTOR, now=timezone.now())
    assert adams.post(address.format(second.pk), NEW).status_code == 302
    with time_machine.travel(datetime.now(UTC) + timedelta(days=8)):
        adams = sign_in(Client(), people.adam)
        assert adams.post(address.format(second.pk), NEW).status_code == 302
    assert Invitation.objects.open().count() == 1


def test_a_refusal_does_not_name_an_organization_that_the_inviter_may_not_see(
    client: Client, sign_in: SignIn, people: Personas
) -> None:
    hidden = people.otto_organization
    with provider_schema(people.north):
        visible = Organization.objects.create(name="Foundry")
    olives = sign_in(client, people.olive)
    olives.post(f"/organizations/{hidden.pk}/administrators/invite/", NEW)
    User.objects.filter(pk=people.adam.pk).update(limited_to=[visible.pk])
    adams = sign_in(Client(), people.adam)
    answer = adams.post(f"/organizations/{visible.pk}/administrators/invite/", NEW)
    assert "invited already. Send" in answer.text
    assert hidden.name not in answer.text
