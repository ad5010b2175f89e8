"""Nightly runs: one per day, after its snapshot, continued until it is finished."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from accounts.models import Provider
from core.outbox.models import OutboxMessage
from core.outbox.topics import Postpone
from core.schema import provider_schema
from integrations.autotask.sync.runs import request_nightly_run, run_slice, work_on_run
from integrations.models import AutotaskConnection, SyncRun
from integrations.tasks import request_nightly_runs_of
from tests.integrations.psa_scenario import GOOD, PsaScenario
from tests.usage.counting import set_policy
from usage.models import SnapshotRun

MONDAY = date(2026, 3, 9)
TUESDAY_NIGHT = datetime(2026, 3, 10, 0, 25, tzinfo=UTC)


def snapshot(day: date, *, finished: bool = True) -> None:
    at = datetime(day.year, day.month, day.day, 23, 59, tzinfo=UTC)
    SnapshotRun.objects.create(day=day, started_at=at, finished_at=at if finished else None)


@pytest.fixture
def night(scenario: PsaScenario) -> PsaScenario:
    """Monday is over and has its snapshot; one organization with 31 users is mapped."""
    scenario.organization(31)
    scenario.now = TUESDAY_NIGHT
    snapshot(MONDAY)
    return scenario


def test_a_day_has_one_nightly_run(night: PsaScenario) -> None:
    run = request_nightly_run(now=night.now)
    assert run is not None
    assert (run.kind, run.day) == ("nightly", MONDAY)
    assert OutboxMessage.objects.filter(key=str(run.pk), finished_at=None).count() == 1
    for hours in range(1, 24):
        assert request_nightly_run(now=night.now + timedelta(hours=hours)) is None
    assert night.check(night.work_on(run)).outcome == "changed"


@pytest.mark.parametrize("is_begun", [False, True])
def test_the_run_waits_for_the_days_snapshot(scenario: PsaScenario, is_begun: bool) -> None:
    scenario.organization(31)
    snapshot(MONDAY - timedelta(days=1))
    if is_begun:
        snapshot(MONDAY, finished=False)
    assert request_nightly_run(now=TUESDAY_NIGHT) is None
    SnapshotRun.objects.update_or_create(
        day=MONDAY, defaults={"started_at": TUESDAY_NIGHT, "finished_at": TUESDAY_NIGHT}
    )
    assert request_nightly_run(now=TUESDAY_NIGHT + timedelta(hours=1)) is not None


def test_the_day_ends_in_the_billing_zone(scenario: PsaScenario) -> None:
    """At 00:25 UTC it is still Monday in Denver."""
    snapshot(MONDAY)
    set_policy(billing_time_zone="America/Denver")
    assert request_nightly_run(now=TUESDAY_NIGHT) is None
    assert request_nightly_run(now=TUESDAY_NIGHT + timedelta(hours=7)) is not None


def test_a_paused_or_disconnected_provider_has_no_run(night: PsaScenario) -> None:
    AutotaskConnection.objects.update(paused_at=night.now)
    assert request_nightly_run(now=night.now) is None
    AutotaskConnection.objects.update(paused_at=None, credentials="")
    assert request_nightly_run(now=night.now) is None


def test_an_interrupted_run_continues_where_it_stopped(night: PsaScenario) -> None:
    """The third push is cut off before it arrives; the others are not sent again."""
    for number in range(1, 4):
        night.organization(31 + number, number=number)
    run = request_nightly_run(now=night.now)
    assert run is not None
    night.stand_in.fault("drop_before", path="ServiceAdjustments", after=2)
    with pytest.raises(Postpone) as later:
        work_on_run({"run": run.pk}, night.now)
    assert later.value.until >= night.now + timedelta(minutes=15)
    assert run.checks.count() == 3
    work_on_run({"run": run.pk}, later.value.until)
    run.refresh_from_db()
    assert run.finished_at
    assert [night.units(number) for number in range(4)] == [31, 32, 33, 34]
    assert len(night.adjustments()) == 4


def test_the_next_nightly_run_takes_over(night: PsaScenario) -> None:
    first = request_nightly_run(now=night.now)
    assert first is not None
    night.stand_in.fault("drop_before", path="ServiceAdjustments")
    assert run_slice(run_id=first.pk, now=night.now) is not None
    snapshot(MONDAY + timedelta(days=1))
    second = request_nightly_run(now=night.now + timedelta(days=1))
    assert second is not None
    first.refresh_from_db()
    assert first.failure == "The next night's run took over."
    assert run_slice(run_id=first.pk, now=night.now + timedelta(days=1)) is None
    night.now += timedelta(days=1)
    assert night.check(night.work_on(second)).outcome == "changed"
    assert len(night.adjustments()) == 1


def test_one_providers_failure_stops_no_other(
    night: PsaScenario, south: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    """North's schema misses a table; south's run is requested."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE usage_snapshotrun RENAME TO usage_gone")
    with provider_schema(south):
        AutotaskConnection.objects.create(pk=1, credentials=GOOD.encrypted())
        snapshot(datetime.now(UTC).date() - timedelta(days=1))
    request_nightly_runs_of([night.provider.pk, south.pk])
    assert f"Requesting the nightly PSA run of {night.provider} failed" in caplog.text
    with provider_schema(south):
        assert SyncRun.objects.get().kind == "nightly"
    with provider_schema(night.provider):
        assert not SyncRun.objects.exists()
