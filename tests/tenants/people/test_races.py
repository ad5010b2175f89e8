"""Concurrent changes of people: an Owner remains, and an invitation works once."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.utils import timezone

from accounts.credentials import digest
from accounts.models import ApiKey, Invitation, Provider, User
from accounts.roles import Role
from core.actors import SYSTEM_ACTOR
from core.schema import provider_schema
from tenants.people.administrators import remove_administrator, transfer_ownership
from tenants.people.api_keys import Overlap, generate_key
from tenants.people.invitations import AddressTaken, InvitationOver, accept
from tenants.people.rules import ChangeRefused
from tests.personas import create_persona

pytestmark = pytest.mark.proof
ROUNDS = 12


def at_once(provider: Provider, *acts: Callable[[], object]) -> list[Exception]:
    """Run the acts in threads that start together and return the exceptions they raised."""
    barrier = Barrier(len(acts))
    raised: list[Exception] = []

    def run(act: Callable[[], object]) -> None:
        try:
            with provider_schema(provider):
                barrier.wait()
                act()
        except (ChangeRefused, InvitationOver, AddressTaken) as refusal:
            raised.append(refusal)
        finally:
            connection.close()

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


@pytest.mark.parametrize("role", [Role.OWNER, Role.BILLING_ADMIN])
def test_one_of_the_last_two_remains(role: Role, own_provider: Callable[..., Provider]) -> None:
    provider = own_provider()
    boss = create_persona(
        provider=provider, role=Role.OWNER, name="Boss", email="boss@race.example"
    )
    pair = [
        create_persona(provider=provider, role=role, name=f"P{n}", email=f"p{n}@race.example")
        for n in range(2)
    ]
    if role == Role.OWNER:
        User.objects.filter(pk=boss.pk).update(is_active=False)
    for _ in range(ROUNDS):
        User.objects.filter(pk__in=[one.pk for one in pair]).update(is_active=True)

        def removal(person: User) -> Callable[[], None]:
            by = person if role == Role.OWNER else boss
            return lambda: remove_administrator(administrator=person, by=by, now=timezone.now())

        raised = at_once(provider, *map(removal, pair))
        assert len(raised) == 1
        assert User.objects.filter(provider=provider, role=role, is_active=True).count() == 1


def test_two_owners_who_transfer_at_once_leave_an_owner(
    own_provider: Callable[..., Provider],
) -> None:
    provider = own_provider()
    pair = [
        create_persona(provider=provider, role=Role.OWNER, name=f"P{n}", email=f"p{n}@race.example")
        for n in range(2)
    ]
    first, second = pair
    for _ in range(ROUNDS):
        User.objects.filter(pk__in=[one.pk for one in pair]).update(role=Role.OWNER)
        at_once(
            provider,
            lambda: transfer_ownership(successor=second, by=first, now=timezone.now()),
            lambda: transfer_ownership(successor=first, by=second, now=timezone.now()),
        )
        assert User.objects.filter(provider=provider, role=Role.OWNER).count() >= 1


def test_a_link_opened_twice_at_once_creates_one_login(
    own_provider: Callable[..., Provider],
) -> None:
    provider = own_provider()
    for number in range(ROUNDS):
        token = f"token-{number}"
        now = timezone.now()
        Invitation.objects.create(
            provider=provider,
            email=f"i{number}@race.example",
            name="I",
            role=Role.ADMIN,
            digest=digest(token),
            sent_at=now,
            expires_at=now + timedelta(days=1),
        )

        def opening() -> None:
            accept(token=token, name="I", password="a quiet brook", now=timezone.now())  # noqa: B023 - called in this turn

        raised = at_once(provider, opening, opening, opening)
        assert [type(error) for error in raised] == [InvitationOver, InvitationOver]


def test_keys_generated_at_once_leave_one_current(own_provider: Callable[..., Provider]) -> None:
    provider = own_provider()

    def generating() -> None:
        generate_key(
            provider=provider, overlap=Overlap.NONE, actor=SYSTEM_ACTOR, now=timezone.now()
        )

    assert at_once(provider, *[generating] * 6) == []
    assert ApiKey.objects.current().filter(provider=provider).count() == 1
    assert ApiKey.objects.filter(provider=provider).count() == 6
