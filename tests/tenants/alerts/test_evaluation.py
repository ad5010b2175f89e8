"""The evaluation of all providers' rules, and of one provider's rules after a change."""

import itertools
from collections.abc import Callable, Iterable
from datetime import datetime

import pytest
from django.db import connection, transaction
from django.test import Client

from accounts.models import Provider
from core.schema import current_schema, provider_schema
from tenants import tasks
from tenants.alerts import rules, schedule
from tenants.alerts.rules import Condition, rule
from tenants.models import Alert
from tests.api_client import System
from tests.personas import Personas
from tests.tenants.alerts.test_alerts import FLOOD

SignIn = Callable[..., Client]


@pytest.fixture
def flooded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every provider has one condition; the evaluation fails for schemas added to the list."""
    monkeypatch.setattr(rules, "_rules", {})
    failing: list[str] = []

    @rule("cellar", changes_at=rules.never)
    def find(*, now: datetime) -> Iterable[Condition]:
        return [FLOOD]

    real = tasks.evaluate_rules

    def fail_for_some(*, now: datetime) -> object:
        if current_schema() in failing:
            raise RuntimeError("no torch")
        return real(now=now)

    monkeypatch.setattr(tasks, "evaluate_rules", fail_for_some)
    return failing


def open_in(provider: Provider) -> int:
    with provider_schema(provider):
        return Alert.objects.open().count()


def test_the_schedule_evaluates_every_active_provider(
    north: Provider, south: Provider, flooded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Provider.objects.filter(pk=south.pk).update(state=Provider.State.PROVISIONING)
    sent: list[list[int]] = []
    monkeypatch.setattr(tasks.evaluate_alerts_of, "delay", sent.append)
    tasks.evaluate_all_alerts()
    ids = set(itertools.chain(*sent))
    assert north.pk in ids
    assert south.pk not in ids
    tasks.evaluate_alerts_of([north.pk])
    assert (open_in(north), current_schema()) == (1, "public")


def test_a_provider_that_fails_stops_no_other(
    north: Provider, south: Provider, flooded: list[str]
) -> None:
    flooded.append(north.schema_name)
    tasks.evaluate_alerts_of([north.pk, south.pk])
    assert (open_in(north), open_in(south)) == (0, 1)


@pytest.fixture
def scheduled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Schemas whose evaluation was sent."""
    sent: list[str] = []
    monkeypatch.setattr(schedule, "_scheduled_until", {})
    monkeypatch.setattr(
        schedule, "send_provider_task", lambda *_, **__: sent.append(current_schema())
    )
    monkeypatch.setattr("django.core.cache.backends.redis.RedisCache.add", lambda *_, **__: True)
    return sent


def change(provider: Provider, times: int = 1) -> None:
    with provider_schema(provider), transaction.atomic():
        for _ in range(times):
            schedule.check_soon()


def commit() -> None:
    """Run the on-commit functions, because a test's transaction never commits."""
    waiting, connection.run_on_commit = connection.run_on_commit, []
    for _, act, _ in waiting:
        act()


def test_many_changes_send_one_evaluation_after_the_commit(
    north: Provider, south: Provider, scheduled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    change(north, times=50)
    assert scheduled == []
    commit()
    change(north)
    change(south)
    commit()
    assert scheduled == [north.schema_name, south.schema_name]
    later = schedule.monotonic() + schedule.WAIT_SECONDS
    monkeypatch.setattr(schedule, "monotonic", lambda: later)
    change(north)
    commit()
    assert scheduled == [north.schema_name, south.schema_name, north.schema_name]


def test_a_change_succeeds_without_a_broker(
    north: Provider, scheduled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def broken(*_: object, **__: object) -> None:
        calls.append(1)
        raise ConnectionError

    monkeypatch.setattr(schedule, "send_provider_task", broken)
    for _ in range(3):
        change(north)
        commit()
    assert len(calls) == 1


def test_the_task_evaluates_its_provider(north: Provider, flooded: list[str]) -> None:
    with provider_schema(north):
        assert tasks.evaluate_alerts_of_provider() == 1
    assert open_in(north) == 1


def test_a_change_on_a_page_sends_an_evaluation(
    client: Client, sign_in: SignIn, people: Personas, north: Provider, scheduled: list[str]
) -> None:
    as_adam = sign_in(client, people.adam)
    commit()
    as_adam.get("/organizations/")
    assert as_adam.post("/organizations/new/", {"name": ""}).status_code == 422
    commit()
    assert scheduled == []
    assert as_adam.post("/organizations/new/", {"name": "Acme Nordlicht"}).status_code == 302
    commit()
    assert scheduled == [north.schema_name]


def test_a_change_by_api_sends_an_evaluation(north: Provider, scheduled: list[str]) -> None:
    system = System.of(north)
    commit()
    answer = system.post("/organizations", {"name": "Acme Nordlicht"})
    assert answer.status_code == 201
    commit()
    assert scheduled == [north.schema_name]
