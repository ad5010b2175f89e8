"""The alerts of the PSA: opened for a problem, resolved after it."""

from datetime import timedelta

import pytest

from integrations.alerts import psa
from integrations.models import AutotaskConnection, SyncRun
from tenants.alerts.rules import Condition, rules
from tests.integrations.psa_scenario import PsaScenario


def conditions(scenario: PsaScenario) -> dict[str, Condition]:
    return {one.cause: one for one in psa(now=scenario.now)}


@pytest.fixture
def synced(scenario: PsaScenario) -> PsaScenario:
    """31 users, synced by a nightly run."""
    scenario.organization(31)
    scenario.sync(kind=SyncRun.Kind.NIGHTLY)
    return scenario


def test_the_rule_is_registered() -> None:
    assert rules()["psa"] is psa


def test_a_successful_nightly_run_raises_no_alert(synced: PsaScenario) -> None:
    assert conditions(synced) == {}


def test_drift_is_an_alert_with_both_numbers_until_it_is_undone(synced: PsaScenario) -> None:
    synced.set_units(25)
    synced.sync()
    ((cause, condition),) = conditions(synced).items()
    assert cause.startswith("psa-drift-")
    assert "31 units" in condition.text
    assert "25" in condition.text
    assert condition.organization_id is not None
    assert condition.link.endswith("/changes/")
    synced.set_units(31)
    synced.sync()
    assert conditions(synced) == {}


def test_a_service_that_could_not_be_synced_is_an_alert_with_the_reason(
    synced: PsaScenario,
) -> None:
    synced.stand_in.control("PATCH", "rows/Contracts/3000", {"endDate": "2026-02-28T00:00:00Z"})
    synced.sync()
    ((cause, condition),) = conditions(synced).items()
    assert cause.startswith("psa-service-")
    assert condition.title == "Client 0 is not synced to Autotask"
    assert "ended on 28 February 2026" in condition.text


def test_a_refused_connection_is_one_critical_alert(synced: PsaScenario) -> None:
    AutotaskConnection.objects.update(problem="Autotask refuses its secret.")
    SyncRun.objects.create(
        kind="nightly", day=synced.now, created_at=synced.now, failure="Refused.",
        finished_at=synced.now,
    )  # fmt: skip
    ((cause, condition),) = conditions(synced).items()
    assert (cause, condition.severity.name) == ("psa-connection", "CRITICAL")
    assert condition.text == "Autotask refuses its secret."


def test_a_failed_or_missing_nightly_run_is_an_alert(synced: PsaScenario) -> None:
    synced.now += timedelta(hours=35)
    assert conditions(synced) == {}
    synced.now += timedelta(hours=2)
    assert conditions(synced)["psa-night"].title == "No nightly Autotask run took place"
    SyncRun.objects.create(
        kind="nightly", day=synced.now, created_at=synced.now, failure="Given up after 8 hours.",
        finished_at=synced.now,
    )  # fmt: skip
    assert conditions(synced)["psa-night"].text == "Given up after 8 hours."


def test_a_missing_run_is_no_alert_when_paused_or_without_a_mapping(scenario: PsaScenario) -> None:
    scenario.now += timedelta(days=3)
    assert conditions(scenario) == {}
    scenario.organization(5)
    assert set(conditions(scenario)) == {"psa-night"}
    AutotaskConnection.objects.update(paused_at=scenario.now)
    assert conditions(scenario) == {}
