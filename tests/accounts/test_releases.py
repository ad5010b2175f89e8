"""Which schemas a release serves, and what happens to a provider whose schema it can't serve."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.test import Client

from accounts.models import Provider
from accounts.provider_batches import active_providers, for_each_provider
from accounts.provisioning.release import BEHIND, fault_of_the_database, watch_schemas
from accounts.releases import is_contract, migration_names, this_release
from accounts.rounds import Round
from core.mail import queue_mail
from core.operations.models import OperationsAlert
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.schema import SchemaOfAnotherRelease, provider_schema
from tests.api_client import System
from tests.personas import Personas

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
# Changes of the numbers of steps, with the name of each case.
BEHIND_BY_ONE, AHEAD, CONTRACTED = (-1, 0), (3, 0), (0, 1)


def shift(provider: Provider, change: tuple[int, int]) -> Provider:
    """Store that the schema has so many steps more than this release knows."""
    release = this_release()
    provider.expand_steps = release.expand + change[0]
    provider.contract_steps = release.contract + change[1]
    provider.save(update_fields=Provider.STEPS)
    return provider


def apply(app: str, name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO public.django_migrations (app, name, applied) VALUES (%s, %s, now())",
            [app, name],
        )


def test_the_name_of_a_migration_says_whether_it_takes_away() -> None:
    assert is_contract("0012_contract_subject_name")
    assert not is_contract("0001_contract")
    assert not is_contract("0012_add_contract_number")


def test_the_migrations_are_those_that_django_loads() -> None:
    loader = MigrationLoader(None)
    assert set(migration_names()) == set(loader.disk_migrations)


def test_a_new_provider_has_the_steps_of_this_release(north: Provider) -> None:
    release = this_release()
    assert (north.expand_steps, north.contract_steps) == (release.expand, release.contract)
    assert release.expand > 50


@pytest.mark.parametrize("change", [BEHIND_BY_ONE, CONTRACTED])
def test_a_schema_that_can_not_be_served_gets_503(
    people: Personas, client: Client, change: tuple[int, int]
) -> None:
    key = System.of(people.north)
    client.force_login(people.olive)
    assert client.get("/account/usage/").status_code == 200
    shift(people.north, change)
    page = client.get("/account/usage/")
    assert (page.status_code, page["Retry-After"]) == (503, "5")
    assert "is being updated" in page.text
    answer = key.ask("GET", "/organizations")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")

    client.force_login(people.sofia)
    assert client.get("/account/usage/").status_code == 200, "another provider's is served"


def test_a_schema_with_later_expand_steps_is_served(people: Personas, client: Client) -> None:
    shift(people.north, AHEAD)
    client.force_login(people.olive)
    assert client.get("/account/usage/").status_code == 200


@pytest.mark.parametrize("change", [BEHIND_BY_ONE, CONTRACTED])
def test_messages_of_such_a_schema_wait_without_an_attempt(
    north: Provider, change: tuple[int, int]
) -> None:
    with provider_schema(north):
        queue_mail(key="k", to=["a@x.example"], subject="S", text="T", now=NOON)
    shift(north, change)
    with pytest.raises(SchemaOfAnotherRelease), provider_schema(north):
        pass
    deliver_due(now=NOON)
    message = OutboxMessage.objects.get(key="k")
    assert (message.finished_at, message.attempts, message.dead_at) == (None, 0, None)
    assert "is not at this release" in message.last_error

    shift(north, (0, 0))
    deliver_due(now=message.due_at)
    message.refresh_from_db()
    assert message.finished_at is not None


@pytest.mark.parametrize("change", [BEHIND_BY_ONE, CONTRACTED])
def test_a_round_leaves_such_a_schema_out(
    north: Provider, south: Provider, change: tuple[int, int]
) -> None:
    assert north in active_providers()
    shift(north, change)
    assert list(active_providers()) == [south]
    seen: list[Provider] = []
    for_each_provider(
        [north.pk, south.pk], seen.append, round_=Round("k", "Work", "Again."), now=NOON
    )
    assert seen == [south]


def test_operations_are_alerted_until_the_schema_is_migrated(north: Provider) -> None:
    shift(north, BEHIND_BY_ONE)
    watch_schemas(now=NOON)
    (alert,) = OperationsAlert.objects.open().filter(kind=BEHIND)
    assert alert.schema_name == north.schema_name
    assert "migrate_providers" in alert.next_step
    shift(north, (0, 0))
    watch_schemas(now=NOON)
    assert not OperationsAlert.objects.open().filter(kind=BEHIND).exists()


def test_public_of_a_later_release_is_served_until_something_is_taken_away(
    north: Provider, client: Client
) -> None:
    apply("accounts", "9001_more")
    assert fault_of_the_database() == ""
    apply("accounts", "9002_contract_less")
    assert "taken away" in fault_of_the_database()
    ready = client.get("/ready")
    assert (ready.status_code, "taken away" in ready.json()["migrations"]) == (503, True)


def test_public_without_a_migration_of_this_release_is_not_served(north: Provider) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM public.django_migrations WHERE app = 'outbox'")
    assert "lacks 7 migrations" in fault_of_the_database()
