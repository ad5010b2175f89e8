"""Unresolved pushes of a worker that died: read back first, and never sent again."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from core.schema import connection
from integrations.autotask.sync.pushes import send
from integrations.autotask.sync.runs import request_run, run_slice
from integrations.models import Push, PushReading, SyncRun
from tests.integrations.psa_scenario import BILL, FIRST_CONTRACT, PsaScenario


@pytest.fixture
def unresolved(scenario: PsaScenario) -> Push:
    """5 units, 31 desired: the worker committed the push of 26 and died."""
    mapping = scenario.organization(31)
    run = request_run(kind=SyncRun.Kind.MANUAL, actor=BILL, now=scenario.now)
    return Push.objects.create(
        mapping=mapping, serial=1, run=run, month="2026-03-01", contract_id=FIRST_CONTRACT,
        contract_service_id=scenario.line(), effective_date="2026-03-01", units_before=5,
        units_target=31, delta=26, unit_cost="2.10", created_at=scenario.now,
    )  # fmt: skip


def arrive(scenario: PsaScenario) -> None:
    """Let the call arrive: before the worker died, or late."""
    body = {
        "contractServiceID": scenario.line(),
        "effectiveDate": "2026-03-01T00:00:00Z",
        "unitChange": 26,
        "adjustedUnitCost": 2.10,
    }
    answer = scenario.stand_in.api.post(f"Contracts/{FIRST_CONTRACT}/ServiceAdjustments", json=body)
    assert answer.status_code == 200, answer.text


def reading_of(push: Push) -> PushReading:
    return PushReading.objects.get(push=push)


def test_an_arrived_push_counts_for_the_run_that_sent_it(
    scenario: PsaScenario, unresolved: Push
) -> None:
    arrive(scenario)
    run = scenario.work_on(unresolved.run)
    assert (reading_of(unresolved).outcome, reading_of(unresolved).units) == ("applied", 31)
    assert scenario.check(run).outcome == "changed"
    assert len(scenario.adjustments()) == 1


def test_a_later_run_reads_the_push_back_first(scenario: PsaScenario, unresolved: Push) -> None:
    SyncRun.objects.filter(pk=unresolved.run_id).update(
        finished_at=scenario.now, failure="Given up."
    )
    arrive(scenario)
    later = scenario.sync()
    assert reading_of(unresolved).outcome == "applied"
    assert scenario.check(later).outcome == "unchanged"
    assert len(scenario.adjustments()) == 1


def test_a_push_may_still_arrive_for_15_minutes(scenario: PsaScenario, unresolved: Push) -> None:
    began = scenario.now
    again_at = run_slice(run_id=unresolved.run_id, now=scenario.now)
    assert reading_of(unresolved).outcome == "not_applied"
    assert again_at is not None
    assert again_at >= began + timedelta(minutes=15)
    assert run_slice(run_id=unresolved.run_id, now=began + timedelta(minutes=14)) is not None
    assert scenario.adjustments() == []
    arrive(scenario)
    scenario.now = again_at
    run = scenario.work_on(unresolved.run)
    assert scenario.check(run).outcome == "unchanged"
    assert (scenario.units(), len(scenario.adjustments())) == (31, 1)


def test_a_push_that_never_arrived_is_planned_again(
    scenario: PsaScenario, unresolved: Push
) -> None:
    run = scenario.work_on(unresolved.run, slices=3)
    assert scenario.check(run).outcome == "changed"
    assert (scenario.units(), len(scenario.adjustments())) == (31, 1)
    assert list(Push.objects.values_list("serial", "delta")) == [(1, 26), (2, 26)]


@pytest.fixture
def unreadable(scenario: PsaScenario, unresolved: Push) -> Push:
    """An unresolved push whose unit rows can't be read."""
    scenario.stand_in.fault("refuse", path="Units/query", errors=["No."], times=None)
    return unresolved


def test_nothing_is_sent_to_a_service_before_its_push_is_read_back(
    scenario: PsaScenario, unreadable: Push
) -> None:
    began = scenario.now
    again_at = run_slice(run_id=unreadable.run_id, now=scenario.now)
    assert again_at == began + timedelta(minutes=5)
    assert not PushReading.objects.exists()
    arrive(scenario)
    scenario.stand_in.control("DELETE", "faults")
    scenario.now = again_at
    assert scenario.check(scenario.work_on(unreadable.run)).outcome == "changed"
    assert (scenario.units(), len(scenario.adjustments())) == (31, 1)


def test_a_push_that_can_never_be_read_back_is_reported(
    scenario: PsaScenario, unreadable: Push
) -> None:
    scenario.stand_in.fault("refuse", path="Units/query", errors=["No."], times=None)
    scenario.now += timedelta(hours=2)
    run = scenario.work_on(unreadable.run)
    assert run.finished_at
    assert scenario.check(run).outcome == "failed"
    assert "sent on 10 March 2026, 12:00 can't be read back" in scenario.check(run).reason
    assert scenario.adjustments() == []


def test_only_one_of_two_workers_with_the_same_reading_pushes(
    scenario: PsaScenario, monkeypatch: Any
) -> None:
    mapping = scenario.organization(31)
    run = request_run(kind=SyncRun.Kind.MANUAL, actor=BILL, now=scenario.now)
    sent: list[int] = []

    def send_twice(**arguments: Any) -> Any:
        if not sent:
            sent.append(1)
            send(**arguments)
        return send(**arguments)

    monkeypatch.setattr("integrations.autotask.sync.sync_month.send", send_twice)
    run_slice(run_id=run.pk, now=scenario.now)
    assert (scenario.units(), len(scenario.adjustments())) == (31, 1)
    assert mapping.pushes.count() == 1


@pytest.mark.parametrize("table", ["push", "pushanswer", "pushreading", "servicecheck"])
def test_the_history_is_append_only(scenario: PsaScenario, table: str) -> None:
    scenario.organization(31)
    scenario.sync()
    for statement in ("DELETE FROM {}", "UPDATE {} SET id = id"):
        with (
            pytest.raises(DatabaseError, match="only ever added to"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement.format(f"integrations_{table}"))
