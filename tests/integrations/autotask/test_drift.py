"""Drift: an edit in Autotask is shown with both numbers and overwritten only by a decision."""

from datetime import date, timedelta
from typing import Any

import pytest

from integrations.autotask.sync.drift_resolution import AlreadyDecided, UnitsChanged, decide
from integrations.models import Drift, Push, SyncRun
from tests.integrations.psa_scenario import BILL, PsaScenario, noon

ACCEPT, OVERWRITE = Drift.Decision.ACCEPT, Drift.Decision.OVERWRITE


@pytest.fixture
def edited(scenario: PsaScenario) -> PsaScenario:
    """31 users, synced; then a person set 25 units in Autotask."""
    scenario.organization(31)
    scenario.sync()
    scenario.set_units(25)
    scenario.now += timedelta(days=1)
    return scenario


def decide_last(scenario: PsaScenario, decision: Drift.Decision, *, seen_units: int) -> None:
    drift = Drift.objects.latest("pk")
    decide(drift=drift, decision=decision, seen_units=seen_units, actor=BILL, now=scenario.now)


def finish_run(scenario: PsaScenario) -> SyncRun:
    """Finish the run that a decision requested."""
    return scenario.work_on(SyncRun.objects.get(finished_at=None))


def test_an_edit_is_shown_and_not_overwritten(edited: PsaScenario) -> None:
    run = edited.sync()
    check = edited.check(run)
    assert check.outcome == "drift"
    assert "from 31 to 25" in check.reason
    assert "Administrator with Billing" in check.reason
    drift = Drift.objects.get()
    assert (drift.expected_units, drift.observed_units, drift.desired_units) == (31, 25, 31)
    edited.sync()
    assert Drift.objects.count() == 1
    assert edited.units() == 25
    assert Push.objects.count() == 1


def test_overwriting_needs_the_number_that_the_person_saw(edited: PsaScenario) -> None:
    edited.sync()
    with pytest.raises(UnitsChanged):
        decide_last(edited, OVERWRITE, seen_units=26)
    decide_last(edited, OVERWRITE, seen_units=25)
    assert edited.check(finish_run(edited)).outcome == "changed"
    assert edited.units() == 31
    with pytest.raises(AlreadyDecided):
        decide_last(edited, ACCEPT, seen_units=25)


def test_an_edit_after_the_decision_is_a_new_drift(edited: PsaScenario) -> None:
    edited.sync()
    decide_last(edited, OVERWRITE, seen_units=25)
    edited.set_units(27)
    assert edited.check(finish_run(edited)).outcome == "drift"
    assert edited.units() == 27
    assert Drift.objects.get(decided_at=None).observed_units == 27


def test_the_same_edit_after_overwriting_needs_another_decision(edited: PsaScenario) -> None:
    edited.sync()
    decide_last(edited, OVERWRITE, seen_units=25)
    finish_run(edited)
    edited.now += timedelta(days=1)
    edited.set_units(25)
    assert edited.check(edited.sync()).outcome == "drift"
    assert edited.units() == 25


def test_an_accepted_number_stays_for_the_month(edited: PsaScenario) -> None:
    edited.sync()
    decide_last(edited, ACCEPT, seen_units=25)
    assert edited.check(edited.sync()).outcome == "kept"
    assert edited.units() == 25
    edited.now = noon(2026, 4, 2)
    edited.sync()
    assert edited.units(day=date(2026, 3, 31)) == 25
    assert edited.units() == 31


def test_a_drift_that_a_person_undoes_is_closed(edited: PsaScenario) -> None:
    edited.sync()
    edited.set_units(31)
    edited.sync()
    assert Drift.objects.get().decision == "gone"


def test_a_changed_cost_is_drift_too(scenario: PsaScenario) -> None:
    scenario.organization(31)
    scenario.sync()
    scenario.set_units(31, unitCost=9)
    run = scenario.sync()
    assert scenario.check(run).outcome == "drift"
    assert "unit cost" in scenario.check(run).reason
    decide_last(scenario, OVERWRITE, seen_units=31)
    finish_run(scenario)
    assert scenario.check(scenario.sync()).outcome == "unchanged"


def edit(scenario: PsaScenario, units: int) -> dict[str, Any]:
    return {"contractServiceID": scenario.line(), "day": "2026-03-01", "units": units}


@pytest.mark.parametrize("lost_answer", ["", "drop_after", "bad_gateway_after"])
def test_an_edit_between_reading_and_push_becomes_a_drift(
    scenario: PsaScenario, lost_answer: str
) -> None:
    scenario.organization(31)
    scenario.stand_in.fault("person_edit", path="ServiceAdjustments", edit=edit(scenario, 20))
    if lost_answer:
        scenario.stand_in.fault(lost_answer, path="ServiceAdjustments")
    run = scenario.sync(slices=3)
    assert scenario.check(run).outcome == "drift"
    drift = Drift.objects.get()
    assert drift.observed_units == 46
    assert scenario.check(scenario.sync()).outcome == "drift"
    assert scenario.units() == 46
    # Only an answer proves that our own change is in the units.
    assert drift.persons_units == (46 if lost_answer else 20)
    assert len(scenario.adjustments()) == 1


@pytest.mark.parametrize("lost_answer", ["", "drop_after", "bad_gateway_after"])
def test_overwriting_works_when_our_change_came_on_top(
    scenario: PsaScenario, lost_answer: str
) -> None:
    """After a lost answer, Autotask refuses a second push of that day; the next day is free."""
    scenario.organization(31)
    scenario.stand_in.fault("person_edit", path="ServiceAdjustments", edit=edit(scenario, 20))
    if lost_answer:
        scenario.stand_in.fault(lost_answer, path="ServiceAdjustments")
    scenario.sync(slices=3)
    decide_last(scenario, OVERWRITE, seen_units=46)
    assert scenario.check(finish_run(scenario)).outcome == "changed"
    assert scenario.units() == 31
    assert Drift.objects.count() == 1
    assert len(scenario.adjustments()) == 2


def test_accepting_takes_our_own_change_back(scenario: PsaScenario) -> None:
    scenario.organization(31)
    scenario.stand_in.fault("person_edit", path="ServiceAdjustments", edit=edit(scenario, 20))
    scenario.sync()
    decide_last(scenario, ACCEPT, seen_units=46)
    finish_run(scenario)
    assert scenario.units() == 20
    assert scenario.check(scenario.sync()).outcome == "kept"


def test_a_refused_duplicate_reveals_an_edit_that_hid_our_change(scenario: PsaScenario) -> None:
    """A person removes exactly what we add, at the same moment, and our answer is lost."""
    scenario.organization(31)
    scenario.set_units(50)
    scenario.stand_in.fault("person_edit", path="ServiceAdjustments", edit=edit(scenario, 50 + 19))
    scenario.stand_in.fault("drop_after", path="ServiceAdjustments")
    run = scenario.sync(slices=6)
    assert scenario.check(run).outcome == "drift"
    assert Drift.objects.get().persons_units == 69
    assert len(scenario.adjustments()) == 1
