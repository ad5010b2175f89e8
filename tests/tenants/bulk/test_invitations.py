"""Invitations sent again, many at once: who may, how often, and what each row says."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.test import Client

from accounts.models import Invitation, Provider
from accounts.roles import Role
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tenants.models import AuditEntry, BulkAction, Organization
from tenants.people.invitations import Invitee, invite, resend, revoke
from tenants.people.rules import ChangeRefused
from tests.personas import Personas
from tests.tenants.bulk.stories import NOW, begin, page_of

SignIn = Callable[..., Client]
LIST, BULK = "/account/administrators/", "/account/invitations/bulk/"
LATER = NOW + timedelta(minutes=11)


@pytest.fixture
def invited(today: None, north: Provider, people: Personas) -> list[Invitation]:
    """Three invitations to the provider, sent now."""
    with provider_schema(north):
        return [
            invite(
                provider=north,
                invitee=Invitee(email=f"new{number}@else.example", name="New", role=Role.ADMIN),
                by=people.olive,
                now=NOW,
            )
            for number in range(3)
        ]


@pytest.fixture
def as_olive(client: Client, sign_in: SignIn, people: Personas) -> Client:
    return sign_in(client, people.olive)


def mails(north: Provider) -> list[str]:
    with provider_schema(north):
        queued = OutboxMessage.objects.filter(key__startswith="invitation:").order_by("pk")
        return [message.payload["to"][0] for message in queued]


def test_the_selected_invitations_are_sent_again(
    as_olive: Client, north: Provider, invited: list[Invitation]
) -> None:
    with time_machine.travel(LATER, tick=False):
        assert 'name="pick"' in as_olive.get(LIST).text
        first, second, _ = invited
        url, page = page_of(
            as_olive, begin(as_olive, BULK, verb="resend", pick=[first.pk, second.pk])
        )
        assert "Send 2 invitations again" in page
        assert first.email in page
        assert "This month’s bill" not in page

        done = as_olive.post(url, follow=True)

        assert "2 invitations were sent again." in done.text
    assert mails(north)[3:] == [first.email, second.email]
    for invitation in (first, second):
        before = invitation.digest
        invitation.refresh_from_db()
        assert invitation.digest != before, "the link of the first mail is over"
    with provider_schema(north):
        assert AuditEntry.objects.filter(action="invitation.resent").count() == 2
        assert not BulkAction.objects.get().organization_id


def test_one_that_is_over_or_was_sent_just_now_leaves_the_others(
    as_olive: Client, north: Provider, people: Personas, invited: list[Invitation]
) -> None:
    over, just_now, fine = invited
    with time_machine.travel(LATER, tick=False):
        url, _ = page_of(as_olive, begin(as_olive, BULK, verb="resend", all="1"))
        with provider_schema(north):
            revoke(invitation=over, by=people.olive, now=LATER)
            resend(invitation=just_now, by=people.olive, now=LATER)
        page = as_olive.post(url, follow=True).text
    assert "1 invitation was sent again." in page
    assert "It was accepted or revoked meanwhile." in page
    assert "It was sent less than 10 minutes ago." in page
    assert mails(north)[4:] == [fine.email]


def test_an_invitation_is_not_sent_again_within_minutes(
    as_olive: Client, north: Provider, people: Personas, invited: list[Invitation]
) -> None:
    address = f"/account/invitations/{invited[0].pk}/resend/"
    for _ in range(3):
        assert "less than 10 minutes ago" in as_olive.post(address, follow=True).text
    with provider_schema(north), pytest.raises(ChangeRefused):
        resend(invitation=invited[0], by=people.olive, now=LATER - timedelta(minutes=2))
    assert len(mails(north)) == 3


@pytest.mark.parametrize("person", ["rita", "adam", "bill"])
def test_only_owners_send_invitations_to_the_provider_again(
    sign_in: SignIn, people: Personas, invited: list[Invitation], north: Provider, person: str
) -> None:
    other = sign_in(Client(), getattr(people, person))
    assert other.post(BULK, {"verb": "resend", "all": "1"}).status_code == 403
    with provider_schema(north):
        assert not BulkAction.objects.exists()


def test_the_admins_of_one_organization_are_a_list_of_their_own(
    as_olive: Client,
    north: Provider,
    people: Personas,
    acme: Organization,
    invited: list[Invitation],
) -> None:
    with provider_schema(north):
        invite(
            provider=north,
            invitee=Invitee(
                email="org@else.example",
                name="Org",
                role=Role.ORGANIZATION_ADMIN,
                organization=acme,
            ),
            by=people.olive,
            now=NOW,
        )
    with time_machine.travel(LATER, tick=False):
        address = f"/organizations/{acme.pk}/administrators/invitations/bulk/"
        url, page = page_of(as_olive, begin(as_olive, address, verb="resend", all="1"))
        assert "Send 1 invitation again" in page
        as_olive.post(url)
    assert mails(north)[4:] == ["org@else.example"]
