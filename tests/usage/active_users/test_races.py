"""Concurrent reports never exceed the active-user limit and count no user twice."""

from collections.abc import Callable
from threading import Barrier, Event, Thread

import pytest
from django.db import connection, transaction

from accounts.models import Provider
from core.actors import SYSTEM_ACTOR
from core.schema import provider_schema
from tenants.models import ManagedUser, Organization
from tenants.organizations.lifecycle import set_mau_limit
from tests.usage.counting import add, at, execute, refused, set_policy
from tests.usage.sightings import active_of, report
from usage.models import ActiveUser

pytestmark = pytest.mark.proof
NOON = at("2026-06-10 12:00")
CLIENTS = 8
INSERT = (
    "INSERT INTO usage_activeuser (organization_id, month, user_id, first_seen_at, reported_at)"
    " VALUES (%s, '2026-06-01', %s, '2026-06-10 12:00Z', now())"
)


def at_once(provider: Provider, *acts: Callable[[], object]) -> int:
    """Run the acts in threads that start together; how many were refused."""
    barrier, refused = Barrier(len(acts)), list[Exception]()

    def run(act: Callable[[], object]) -> None:
        try:
            with provider_schema(provider):
                barrier.wait()
                act()
        except Exception as refusal:  # noqa: BLE001 - counted by the test
            refused.append(refusal)
        finally:
            connection.close()

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(refused)


@pytest.fixture
def racing(own_provider: Callable[..., Provider]) -> tuple[Provider, Organization]:
    """A committed provider with an organization since January."""
    provider = own_provider()
    with provider_schema(provider):
        set_policy(free_user_limit=None)
        acme = Organization.objects.create(name="Acme", created_at=at("2026-01-10"), mau_limit=3)
        add(acme, *[at("2026-05-01")] * CLIENTS)
    return provider, acme


@pytest.mark.parametrize("is_raw", [False, True])
def test_the_threshold_is_exact(racing: tuple[Provider, Organization], is_raw: bool) -> None:
    provider, acme = racing
    with provider_schema(provider):
        users = list(ManagedUser.objects.all())
    acts: list[Callable[[], object]] = [
        (lambda user=user: execute(INSERT, acme.pk, user.pk))
        if is_raw
        else (lambda user=user: report(acme, (user, NOON)))
        for user in users
    ]
    assert at_once(provider, *acts) == CLIENTS - 3
    with provider_schema(provider):
        assert active_of(acme) == {"2026-06": 3}
        assert ActiveUser.objects.count() == 3


def test_the_same_report_sent_by_all_counts_once(racing: tuple[Provider, Organization]) -> None:
    provider, acme = racing
    with provider_schema(provider):
        users = list(ManagedUser.objects.all()[:3])
    seen = [(user, NOON) for user in users]
    refused = at_once(provider, *[lambda: report(acme, *seen)] * CLIENTS)
    with provider_schema(provider):
        assert (refused, active_of(acme)) == (0, {"2026-06": 3})


def test_a_threshold_waits_for_who_is_being_counted_and_holds_off_the_next(
    racing: tuple[Provider, Organization],
) -> None:
    provider, acme = racing
    with provider_schema(provider):
        first, second = ManagedUser.objects.all()[:2]
    lowered, waited = Event(), list[bool]()

    def lower() -> None:
        with provider_schema(provider), transaction.atomic():
            set_mau_limit(organization=acme, limit=1, actor=SYSTEM_ACTOR, now=NOON)
            lowered.set()
        connection.close()

    changer = Thread(target=lower)
    with provider_schema(provider), transaction.atomic():
        execute(INSERT, acme.pk, first.pk)
        changer.start()
        waited.append(not lowered.wait(0.5))
    changer.join()
    assert waited == [True]
    with provider_schema(provider), refused("MT004"):
        execute(INSERT, acme.pk, second.pk)
