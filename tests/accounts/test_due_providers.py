"""Rounds look at providers with a change or a due instant (docs/decisions/0044)."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from psycopg import sql

from accounts.due_providers import changes_of, record_looks, take_changes
from accounts.missed_changes import MISSED, NIGHTS, check_for_missed, providers_of_night
from accounts.models import Provider, ProviderChange
from accounts.provider_batches import DueRound, due_batches, look_at_due
from core.operations.models import OperationsAlert
from core.schema import provider_schema
from tenants.models import Alert, Organization
from tests.personas import Personas
from tests.proofs.rounds_history import History
from tests.proofs.rounds_stage import every_round, look_if_due, missed, play, reading, unmarked
from tests.proofs.run import Run

NOW = datetime(2026, 10, 7, 12, tzinfo=UTC)


def alerts_round() -> DueRound:
    return next(round_ for round_ in every_round() if round_.round_.name == "alerts")


def is_due(provider: Provider, *, now: datetime = NOW) -> bool:
    return any(provider.pk in batch for batch in due_batches(alerts_round(), now=now))


def look(provider: Provider, *, now: datetime = NOW) -> None:
    look_at_due([provider.pk], round_=alerts_round(), now=now)


@pytest.fixture
def resting(north: Provider, people: Personas) -> History:
    """North, at which no round has anything to look at."""
    history = History(north, [people.olive, people.adam], random.Random(6))
    look_if_due(history)
    return history


def add_organization(name: str = "Acme") -> None:
    Organization.objects.create(name=name, created_at=NOW)


def test_a_round_looks_once_after_each_change_and_never_without_one(north: Provider) -> None:
    assert is_due(north)
    look(north)
    assert not is_due(north)
    with provider_schema(north):
        add_organization()
    assert is_due(north)
    # A change that is taken while the round looks keeps the provider due.
    seen = changes_of([north.pk])
    with provider_schema(north):
        add_organization("Later")
    take_changes()
    record_looks(round_=alerts_round().round_, seen=seen, again_at={north.pk: None})
    assert is_due(north)
    look(north)
    assert not is_due(north)


def test_time_makes_a_provider_due(north: Provider) -> None:
    take_changes()
    look(north)
    assert not is_due(north, now=datetime(2026, 10, 31, 23, 59, tzinfo=UTC))
    # A billing month begins.
    assert is_due(north, now=datetime(2026, 11, 1, tzinfo=UTC))


def test_one_mark_for_a_transaction_and_another_after_a_rollback(
    own_provider: Callable[..., Provider],
) -> None:
    provider = own_provider()
    take_changes()
    with provider_schema(provider):
        with transaction.atomic():
            add_organization("One")
            add_organization("Two")
        assert ProviderChange.objects.count() == 1
        with transaction.atomic():
            with suppress(ZeroDivisionError), transaction.atomic():
                add_organization("Three")
                raise ZeroDivisionError
            assert ProviderChange.objects.count() == 1
            add_organization("Four")
        assert ProviderChange.objects.count() == 2
        with suppress(ZeroDivisionError), transaction.atomic():
            add_organization("Five")
            raise ZeroDivisionError
    assert ProviderChange.objects.count() == 2
    take_changes()
    assert not ProviderChange.objects.exists()


def touch(schema: str, *, by: Any = connection) -> None:
    """A statement that changes a table of the schema, without a search path."""
    table = sql.Identifier(schema, "billing_suspensiondeferral")
    with by.cursor() as cursor:
        cursor.execute(sql.SQL("DELETE FROM {}").format(table))


def test_users_of_one_provider_never_wait_for_each_others_mark(
    own_provider: Callable[..., Provider],
) -> None:
    provider = own_provider()
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        with transaction.atomic():
            touch(provider.schema_name)
            touch(provider.schema_name, by=other)
            # Nor for a round that takes the marks of others.
            take_changes()
            touch(provider.schema_name, by=other)
        assert is_due(provider)
    finally:
        other.close()


def test_a_renamed_schema_marks_under_its_name(own_provider: Callable[..., Provider]) -> None:
    provider = own_provider()
    take_changes()
    parked = f"{provider.schema_name}_parked"
    rename = sql.SQL("ALTER SCHEMA {} RENAME TO {}")
    names = [sql.Identifier(provider.schema_name), sql.Identifier(parked)]
    with connection.cursor() as cursor:
        cursor.execute(rename.format(*names))
        touch(parked)
        assert list(ProviderChange.objects.values_list("schema_name", flat=True)) == [parked]
        cursor.execute(rename.format(*reversed(names)))


@pytest.mark.parametrize(
    "change",
    [{"is_active": False}, {"role": "read_only"}, {"limited_to": [1]}],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_login_or_provider_is_a_change(
    resting: History, people: Personas, change: dict[str, Any]
) -> None:
    type(people.adam).objects.filter(pk=people.adam.pk).update(last_login=NOW)
    assert not is_due(resting.provider, now=resting.now)
    type(people.adam).objects.filter(pk=people.adam.pk).update(**change)
    assert is_due(resting.provider, now=resting.now)
    look_if_due(resting)
    Provider.objects.filter(pk=resting.provider.pk).update(name="Another")
    assert is_due(resting.provider, now=resting.now)


def test_a_round_that_fails_stays_due(north: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(provider: Provider, now: datetime) -> None:
        raise ValueError("no luck")

    broken = DueRound(alerts_round().round_, alerts_round().use, fail)
    assert look_at_due([north.pk], round_=broken, now=NOW) == 0
    assert is_due(north)


NO_MARK = """
    CREATE OR REPLACE FUNCTION tenants_provider_changed() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN RETURN NULL; END'
"""


@contextmanager
def without_marks(provider: Provider) -> Iterator[None]:
    """The provider's triggers mark nothing."""
    with provider_schema(provider), connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('tenants_provider_changed'::regproc)")
        (defined,) = cursor.fetchone()
        cursor.execute(NO_MARK)
    yield
    with provider_schema(provider), connection.cursor() as cursor:
        cursor.execute(defined)


STEPS = 12


def test_due_providers_are_enough(resting: History) -> None:
    """Every table that the rounds read marks its provider, too."""
    with reading() as tables:
        assert list(play(Run(1, 1), resting, steps=STEPS)) == []
    assert unmarked(resting.provider, tables) == set()


def test_without_the_marks_changes_are_missed(resting: History) -> None:
    with without_marks(resting.provider):
        assert next(play(Run(1, 1), resting, steps=STEPS))


def test_without_the_instants_time_is_missed(
    resting: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    def record_never(*, round_: Any, seen: Any, again_at: Any) -> None:
        record_looks(round_=round_, seen=seen, again_at=dict.fromkeys(again_at))

    monkeypatch.setattr("accounts.provider_batches.record_looks", record_never)
    assert next(play(Run(1, 1), resting, steps=STEPS))


def open_missed() -> list[tuple[str, str]]:
    alerts = OperationsAlert.objects.open().filter(kind=MISSED)
    return list(alerts.values_list("schema_name", "key"))


def test_the_nightly_check_tells_what_was_missed_and_leaves_it_to_the_round(
    resting: History,
) -> None:
    north, now = resting.provider, resting.now
    check_for_missed([north.pk], now=now)
    assert open_missed() == []
    with without_marks(north), provider_schema(north):
        Organization.objects.create(name="Full", created_at=now, user_cap=5)
    assert not is_due(north, now=now)
    check_for_missed([north.pk], now=now)
    assert open_missed() == [(north.schema_name, "alerts")]
    with provider_schema(north):
        assert not Alert.objects.open().exists()
    look_if_due(resting)
    with provider_schema(north):
        assert Alert.objects.open().exists()
    check_for_missed([north.pk], now=now)
    assert open_missed() == []


def test_every_provider_is_checked_once_a_week(north: Provider, south: Provider) -> None:
    nights = [providers_of_night(now=NOW + timedelta(days=number)) for number in range(NIGHTS)]
    turns = [pk for night in nights for pk in night.values_list("pk", flat=True)]
    assert sorted(turns) == sorted(Provider.objects.values_list("pk", flat=True))


def test_operators_have_every_round_look_again(resting: History) -> None:
    call_command("mark_providers", provider="north")
    assert is_due(resting.provider, now=resting.now)
    assert list(missed(resting)) == []
