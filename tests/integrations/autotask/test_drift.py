"""A person's edit in Autotask: shown with both numbers, decided by a person, never overwritten."""

from datetime import date, timedelta
from typing import Any

import pytest

from integrations.autotask.sync.drift_resolution import (
    AlreadyDecided,
    SeenOtherwise,
    accept,
    overwrite,
)
from integrations.models import Drift, Push, SyncRun
from tests.integrations.autotask_stage import BILL, Stage, noon


@pytest.fixture
def drifted(stage: Stage) -> Stage:
    """31 users, synced; then somebody made 25 of them in Autotask."""
    stage.organization(31)
    stage.sync()
    stage.set_units(25)
    stage.now += timedelta(days=1)
    return stage


def go_on(stage: Stage) -> SyncRun:
    """The run that a decision has ordered."""
    return stage.go_on(SyncRun.objects.get(finished_at=None))


def test_an_edit_is_shown_and_left_alone(drifted: Stage) -> None:
    run = drifted.sync()
    check = drifted.check(run)
    assert check.outcome == "drift"
    assert "from 31 to 25" in check.reason
    assert "Administrator with Billing" in check.reason
    drift = Drift.objects.get()
    assert (drift.expected_units, drift.observed_units, drift.desired_units) == (31, 25, 31)
    drifted.sync()
    assert Drift.objects.count() == 1
    assert drifted.units() == 25
    assert Push.objects.count() == 1


def test_overwriting_needs_the_number_that_was_seen(drifted: Stage) -> None:
    drifted.sync()
    drift = Drift.objects.get()
    with pytest.raises(SeenOtherwise):
        overwrite(drift=drift, seen_units=26, actor=BILL, now=drifted.now)
    overwrite(drift=drift, seen_units=25, actor=BILL, now=drifted.now)
    assert drifted.check(go_on(drifted)).outcome == "changed"
    assert drifted.units() == 31
    with pytest.raises(AlreadyDecided):
        accept(drift=drift, seen_units=25, actor=BILL, now=drifted.now)


def test_an_edit_after_the_decision_is_a_new_drift(drifted: Stage) -> None:
    drifted.sync()
    overwrite(drift=Drift.objects.get(), seen_units=25, actor=BILL, now=drifted.now)
    drifted.set_units(27)
    assert drifted.check(go_on(drifted)).outcome == "drift"
    assert drifted.units() == 27
    assert Drift.objects.get(decided_at=None).observed_units == 27


def test_the_same_edit_made_again_after_overwriting_is_asked_about_again(drifted: Stage) -> None:
    drifted.sync()
    overwrite(drift=Drift.objects.get(), seen_units=25, actor=BILL, now=drifted.now)
    go_on(drifted)
    drifted.now += timedelta(days=1)
    drifted.set_units(25)
    assert drifted.check(drifted.sync()).outcome == "drift"
    assert drifted.units() == 25


def test_an_accepted_number_stays_for_the_month(drifted: Stage) -> None:
    drifted.sync()
    accept(drift=Drift.objects.get(), seen_units=25, actor=BILL, now=drifted.now)
    assert drifted.check(drifted.sync()).outcome == "kept"
    assert drifted.units() == 25
    drifted.now = noon(2026, 4, 2)
    drifted.sync()
    assert drifted.units(day=date(2026, 3, 31)) == 25
    assert drifted.units() == 31


def test_a_drift_that_somebody_mended_is_closed(drifted: Stage) -> None:
    drifted.sync()
    drifted.set_units(31)
    drifted.sync()
    assert Drift.objects.get().decision == "gone"


def test_a_changed_cost_is_drift_too(stage: Stage) -> None:
    stage.organization(31)
    stage.sync()
    stage.set_units(31, unitCost=9)
    run = stage.sync()
    assert stage.check(run).outcome == "drift"
    assert "unit cost" in stage.check(run).reason
    overwrite(drift=Drift.objects.get(), seen_units=31, actor=BILL, now=stage.now)
    go_on(stage)
    assert stage.check(stage.sync()).outcome == "unchanged"


def edit(stage: Stage, units: int) -> dict[str, Any]:
    return {"contractServiceID": stage.line(), "day": "2026-03-01", "units": units}


@pytest.mark.parametrize("also", ["", "drop_after", "bad_gateway_after"])
def test_an_edit_between_read_and_write_is_no_silent_loss(stage: Stage, also: str) -> None:
    stage.organization(31)
    stage.stand_in.fault("person_edit", path="ServiceAdjustments", edit=edit(stage, 20))
    if also:
        stage.stand_in.fault(also, path="ServiceAdjustments")
    run = stage.sync(slices=3)
    assert stage.check(run).outcome == "drift"
    drift = Drift.objects.get()
    assert drift.observed_units == 46
    assert stage.check(stage.sync()).outcome == "drift"
    assert stage.units() == 46
    # Where the answer was heard, our own change is known to be in it.
    assert drift.theirs_units == (46 if also else 20)
    assert len(stage.adjustments()) == 1


@pytest.mark.parametrize("also", ["", "drop_after", "bad_gateway_after"])
def test_overwriting_holds_when_our_own_change_was_in_it(stage: Stage, also: str) -> None:
    """The day that a lost answer had taken is found by the refused duplicate: the next one is."""
    stage.organization(31)
    stage.stand_in.fault("person_edit", path="ServiceAdjustments", edit=edit(stage, 20))
    if also:
        stage.stand_in.fault(also, path="ServiceAdjustments")
    stage.sync(slices=3)
    overwrite(drift=Drift.objects.get(), seen_units=46, actor=BILL, now=stage.now)
    assert stage.check(go_on(stage)).outcome == "changed"
    assert stage.units() == 31
    assert Drift.objects.count() == 1
    assert len(stage.adjustments()) == 2


def test_accepting_takes_our_own_change_back(stage: Stage) -> None:
    stage.organization(31)
    stage.stand_in.fault("person_edit", path="ServiceAdjustments", edit=edit(stage, 20))
    stage.sync()
    accept(drift=Drift.objects.get(), seen_units=46, actor=BILL, now=stage.now)
    go_on(stage)
    assert stage.units() == 20
    assert stage.check(stage.sync()).outcome == "kept"


def test_an_edit_that_hides_our_change_exactly_is_found_by_the_refused_duplicate(
    stage: Stage,
) -> None:
    """A person takes away what we add, in the same moment, and our answer is lost."""
    stage.organization(31)
    stage.set_units(50)
    mapping_units = 50
    stage.stand_in.fault(
        "person_edit", path="ServiceAdjustments", edit=edit(stage, mapping_units + 19)
    )
    stage.stand_in.fault("drop_after", path="ServiceAdjustments")
    run = stage.sync(slices=6)
    assert stage.check(run).outcome == "drift"
    assert Drift.objects.get().theirs_units == 69
    assert len(stage.adjustments()) == 1
