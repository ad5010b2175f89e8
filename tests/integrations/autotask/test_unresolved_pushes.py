"""A worker that died between a push and its reading: looked at first, and never sent again."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from core.schema import connection
from integrations.autotask.sync.pushes import send
from integrations.autotask.sync.runs import request_run, run_slice
from integrations.models import Push, PushReading, SyncRun
from tests.integrations.autotask_stage import BILL, FIRST_CONTRACT, Stage


@pytest.fixture
def died(stage: Stage) -> Push:
    """5 units, 31 wanted: the push of 26 was committed, then the worker was gone."""
    mapping = stage.organization(31)
    run = request_run(kind=SyncRun.Kind.MANUAL, actor=BILL, now=stage.now)
    return Push.objects.create(
        mapping=mapping, serial=1, run=run, month="2026-03-01", contract_id=FIRST_CONTRACT,
        contract_service_id=stage.line(), effective_date="2026-03-01", units_before=5,
        units_target=31, delta=26, unit_cost="2.10", created_at=stage.now,
    )  # fmt: skip


def arrive(stage: Stage) -> None:
    """The call went through before the worker died, or is carried out late."""
    body = {
        "contractServiceID": stage.line(),
        "effectiveDate": "2026-03-01T00:00:00Z",
        "unitChange": 26,
        "adjustedUnitCost": 2.10,
    }
    answer = stage.stand_in.api.post(f"Contracts/{FIRST_CONTRACT}/ServiceAdjustments", json=body)
    assert answer.status_code == 200, answer.text


def reading_of(push: Push) -> PushReading:
    return PushReading.objects.get(push=push)


def test_what_had_arrived_is_found_and_credited_to_its_run(stage: Stage, died: Push) -> None:
    arrive(stage)
    run = stage.go_on(died.run)
    assert (reading_of(died).verdict, reading_of(died).units) == ("applied", 31)
    assert stage.check(run).outcome == "changed"
    assert len(stage.adjustments()) == 1


def test_a_later_run_settles_it_before_anything_else(stage: Stage, died: Push) -> None:
    SyncRun.objects.filter(pk=died.run_id).update(finished_at=stage.now, failure="Given up.")
    arrive(stage)
    later = stage.sync()
    assert reading_of(died).verdict == "applied"
    assert stage.check(later).outcome == "unchanged"
    assert len(stage.adjustments()) == 1


def test_what_has_not_arrived_may_still_do_so_for_a_quarter_of_an_hour(
    stage: Stage, died: Push
) -> None:
    began = stage.now
    again_at = run_slice(run_id=died.run_id, now=stage.now)
    assert reading_of(died).verdict == "not_applied"
    assert again_at is not None
    assert again_at >= began + timedelta(minutes=15)
    assert run_slice(run_id=died.run_id, now=began + timedelta(minutes=14)) is not None
    assert stage.adjustments() == []
    arrive(stage)
    stage.now = again_at
    run = stage.go_on(died.run)
    assert stage.check(run).outcome == "unchanged"
    assert (stage.units(), len(stage.adjustments())) == (31, 1)


def test_what_never_arrived_is_decided_anew(stage: Stage, died: Push) -> None:
    run = stage.go_on(died.run, slices=3)
    assert stage.check(run).outcome == "changed"
    assert (stage.units(), len(stage.adjustments())) == (31, 1)
    assert list(Push.objects.values_list("serial", "delta")) == [(1, 26), (2, 26)]


@pytest.fixture
def unreadable(stage: Stage, died: Push) -> Push:
    """The same, and the service's rows can't be read."""
    stage.stand_in.fault("refuse", path="Units/query", errors=["No."], times=None)
    return died


def test_a_service_is_left_alone_until_its_push_was_looked_at(
    stage: Stage, unreadable: Push
) -> None:
    began = stage.now
    again_at = run_slice(run_id=unreadable.run_id, now=stage.now)
    assert again_at == began + timedelta(minutes=5)
    assert not PushReading.objects.exists()
    arrive(stage)
    stage.stand_in.control("DELETE", "faults")
    stage.now = again_at
    assert stage.check(stage.go_on(unreadable.run)).outcome == "changed"
    assert (stage.units(), len(stage.adjustments())) == (31, 1)


def test_what_can_never_be_read_back_is_told_and_stops_no_other(
    stage: Stage, unreadable: Push
) -> None:
    stage.stand_in.fault("refuse", path="Units/query", errors=["No."], times=None)
    stage.now += timedelta(hours=2)
    run = stage.go_on(unreadable.run)
    assert run.finished_at
    assert stage.check(run).outcome == "failed"
    assert "sent on 10 March 2026, 12:00 can't be read back" in stage.check(run).reason
    assert stage.adjustments() == []


def test_of_two_workers_on_one_reading_one_pushes(stage: Stage, monkeypatch: Any) -> None:
    mapping = stage.organization(31)
    run = request_run(kind=SyncRun.Kind.MANUAL, actor=BILL, now=stage.now)
    sent: list[int] = []

    def send_what_another_has_sent(**arguments: Any) -> Any:
        if not sent:
            sent.append(1)
            send(**arguments)
        return send(**arguments)

    monkeypatch.setattr("integrations.autotask.sync.sync_month.send", send_what_another_has_sent)
    run_slice(run_id=run.pk, now=stage.now)
    assert (stage.units(), len(stage.adjustments())) == (31, 1)
    assert mapping.pushes.count() == 1


@pytest.mark.parametrize("table", ["push", "pushanswer", "pushreading", "servicecheck"])
def test_history_is_only_added_to(stage: Stage, table: str) -> None:
    stage.organization(31)
    stage.sync()
    for statement in ("DELETE FROM {}", "UPDATE {} SET id = id"):
        with (
            pytest.raises(DatabaseError, match="only ever added to"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement.format(f"integrations_{table}"))
