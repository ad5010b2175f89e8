"""What the PSA has to say to a person: opened as alerts, resolved when it is in order again."""

from datetime import timedelta

import pytest

from integrations.alerts import psa
from integrations.models import AutotaskConnection, SyncRun
from tenants.alerts.rules import Condition, rules
from tests.integrations.autotask_stage import Stage


def conditions(stage: Stage) -> dict[str, Condition]:
    return {one.cause: one for one in psa(now=stage.now)}


@pytest.fixture
def synced(stage: Stage) -> Stage:
    """31 users, synced by a night's run."""
    stage.organization(31)
    stage.sync(kind=SyncRun.Kind.NIGHTLY)
    return stage


def test_it_is_asked_with_the_others() -> None:
    assert rules()["psa"] is psa


def test_a_night_in_order_is_nothing_to_tell(synced: Stage) -> None:
    assert conditions(synced) == {}


def test_an_edit_is_told_with_both_numbers_until_it_is_mended(synced: Stage) -> None:
    synced.set_units(25)
    synced.sync()
    ((cause, told),) = conditions(synced).items()
    assert cause.startswith("psa-drift-")
    assert "31 units" in told.text
    assert "25" in told.text
    assert told.organization_id is not None
    assert told.link.endswith("/changes/")
    synced.set_units(31)
    synced.sync()
    assert conditions(synced) == {}


def test_a_service_that_could_not_be_synced_is_told_with_the_reason(synced: Stage) -> None:
    synced.stand_in.control("PATCH", "rows/Contracts/3000", {"endDate": "2026-02-28T00:00:00Z"})
    synced.sync()
    ((cause, told),) = conditions(synced).items()
    assert cause.startswith("psa-service-")
    assert told.title == "Client 0 is not synced to Autotask"
    assert "ended on 28 February 2026" in told.text


def test_a_connection_that_is_refused_is_critical_and_told_once(synced: Stage) -> None:
    AutotaskConnection.objects.update(problem="Autotask refuses its secret.")
    SyncRun.objects.create(
        kind="nightly", day=synced.now, created_at=synced.now, failure="Refused.",
        finished_at=synced.now,
    )  # fmt: skip
    ((cause, told),) = conditions(synced).items()
    assert (cause, told.severity.name) == ("psa-connection", "CRITICAL")
    assert told.text == "Autotask refuses its secret."


def test_a_night_that_failed_or_never_came_is_told(synced: Stage) -> None:
    synced.now += timedelta(hours=35)
    assert conditions(synced) == {}
    synced.now += timedelta(hours=2)
    assert conditions(synced)["psa-night"].title == "No nightly Autotask run took place"
    SyncRun.objects.create(
        kind="nightly", day=synced.now, created_at=synced.now, failure="Given up after 8 hours.",
        finished_at=synced.now,
    )  # fmt: skip
    assert conditions(synced)["psa-night"].text == "Given up after 8 hours."


def test_paused_or_without_a_mapping_nothing_is_late(stage: Stage) -> None:
    stage.now += timedelta(days=3)
    assert conditions(stage) == {}
    stage.organization(5)
    assert set(conditions(stage)) == {"psa-night"}
    AutotaskConnection.objects.update(paused_at=stage.now)
    assert conditions(stage) == {}
