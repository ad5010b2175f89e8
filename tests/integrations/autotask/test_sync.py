"""The nightly sync in dated scenarios: exactly the right quantity, exactly once."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from integrations.autotask.api.credentials import Credentials
from integrations.models import AutotaskConnection, Push, ServiceMapping, SyncRun
from tests.integrations.psa_scenario import COST, GOOD, PsaScenario, noon

MARCH = date(2026, 3, 1)


def test_the_high_water_mark_becomes_the_units_and_the_unit_price_the_cost(
    scenario: PsaScenario,
) -> None:
    mapping = scenario.organization(31, non_billable=2)
    run = scenario.sync()
    check = scenario.check(run)
    assert (check.outcome, check.units_before, check.units_desired, check.units_after) == (
        "changed", 5, 29, 29,
    )  # fmt: skip
    row = scenario.row()
    assert (row["units"], Decimal(str(row["cost"]))) == (29, 29 * COST)
    assert run.finished_at
    (adjustment,) = scenario.adjustments()
    assert adjustment["effectiveDate"].startswith("2026-03-01")
    push = Push.objects.get(mapping=mapping)
    assert (push.delta, push.answer.kind, push.reading.outcome) == (24, "accepted", "applied")


def test_the_next_night_changes_nothing(scenario: PsaScenario) -> None:
    scenario.organization(31)
    scenario.sync()
    scenario.now += timedelta(days=1)
    run = scenario.sync()
    assert scenario.check(run).outcome == "unchanged"
    assert len(scenario.adjustments()) == 1


def test_more_non_billable_users_than_users_make_zero_units(scenario: PsaScenario) -> None:
    scenario.organization(3, non_billable=10)
    scenario.sync()
    assert scenario.units() == 0


def test_a_second_increase_takes_the_next_free_day(scenario: PsaScenario) -> None:
    """Two adjustments of one day are refused: 'duplicate data into contract_service_period'."""
    mapping = scenario.organization(8)
    scenario.sync()
    scenario.now = noon(2026, 3, 12)
    scenario.join(mapping.organization, 4)
    scenario.sync()
    assert scenario.units() == 12
    assert [one["effectiveDate"][:10] for one in scenario.adjustments()] == [
        "2026-03-01", "2026-03-02",
    ]  # fmt: skip


def test_units_fall_to_the_carried_in_count_at_the_turn_of_the_month(
    scenario: PsaScenario,
) -> None:
    mapping = scenario.organization(20)
    scenario.sync()
    scenario.leave(mapping.organization, 8)
    scenario.now = noon(2026, 3, 31)
    scenario.join(mapping.organization, 10)  # 22: the high-water mark of the last day
    scenario.leave(mapping.organization, 3)
    scenario.now = noon(2026, 4, 1)
    run = scenario.sync()
    assert scenario.units(day=date(2026, 3, 31)) == 22
    assert scenario.units() == 19
    assert run.checked == 2
    mapping.refresh_from_db()
    assert mapping.synced_through == MARCH
    assert scenario.sync().checked == 1


def test_a_decrease_within_the_month_waits_for_the_next_month(scenario: PsaScenario) -> None:
    mapping = scenario.organization(20)
    scenario.sync()
    ServiceMapping.objects.update(non_billable_users=5)
    scenario.now += timedelta(days=1)
    run = scenario.sync()
    assert scenario.check(run).outcome == "waits"
    assert scenario.units() == 20
    scenario.now = noon(2026, 4, 1)
    scenario.sync()
    assert scenario.units() == 15
    assert mapping.pushes.count() == 2


@pytest.mark.parametrize("policy", ["first_of_month", "day_of_change"])
def test_a_decrease_is_pushed_at_once_under_other_policies(
    scenario: PsaScenario, policy: str
) -> None:
    scenario.organization(20)
    scenario.sync()
    ServiceMapping.objects.update(non_billable_users=5)
    AutotaskConnection.objects.update(date_policy=policy)
    scenario.now += timedelta(days=1)
    scenario.sync()
    assert scenario.units(day=date(2026, 3, 31)) == 15
    expected = "2026-03-02" if policy == "first_of_month" else "2026-03-11"
    assert scenario.adjustments()[-1]["effectiveDate"].startswith(expected)


def test_a_preview_pushes_nothing(scenario: PsaScenario) -> None:
    scenario.organization(31)
    run = scenario.sync(kind=SyncRun.Kind.PREVIEW)
    check = scenario.check(run)
    assert (check.outcome, check.units_before, check.units_desired) == ("would_change", 5, 31)
    assert scenario.adjustments() == []
    assert scenario.units() == 5


@pytest.mark.parametrize(
    "fault",
    [
        "drop_after",
        "reset_after",
        "bad_gateway_after",
        "truncated_json",
        "cut_body",
        "null_item_id",
    ],
)
def test_an_applied_push_with_a_lost_answer_is_never_sent_again(
    scenario: PsaScenario, fault: str
) -> None:
    scenario.organization(31)
    scenario.stand_in.fault(fault, path="ServiceAdjustments")
    run = scenario.sync(slices=5)
    assert scenario.check(run).outcome == "changed"
    assert scenario.units() == 31
    assert len(scenario.adjustments()) == 1
    assert Push.objects.count() == 1


def test_a_push_that_never_arrived_is_planned_again_after_15_minutes(scenario: PsaScenario) -> None:
    scenario.organization(31)
    scenario.stand_in.fault("drop_before", path="ServiceAdjustments")
    run = scenario.sync()
    assert run.finished_at is None
    assert scenario.now >= noon(2026, 3, 10) + timedelta(minutes=15)
    run = scenario.work_on(run, slices=3)
    assert scenario.check(run).outcome == "changed"
    assert len(scenario.adjustments()) == 1
    assert [push.reading.outcome for push in Push.objects.order_by("serial")] == [
        "not_applied", "applied",
    ]  # fmt: skip


@pytest.mark.parametrize("fault", ["thread_threshold", "refuse"])
def test_a_push_refused_for_too_many_requests_is_tried_again_at_once(
    scenario: PsaScenario, fault: str
) -> None:
    scenario.organization(31)
    scenario.stand_in.fault(fault, path="ServiceAdjustments", status=429)
    run = scenario.sync(slices=3)
    assert scenario.check(run).outcome == "changed"
    assert len(scenario.adjustments()) == 1


def test_a_refusal_is_recorded_in_autotasks_words(scenario: PsaScenario) -> None:
    scenario.organization(31)
    scenario.stand_in.fault(
        "refuse", path="ServiceAdjustments", errors=["The period is closed."], times=9
    )
    run = scenario.sync(slices=3)
    check = scenario.check(run)
    assert (check.outcome, check.reason) == ("refused", "The period is closed.")
    assert run.finished_at
    assert run.not_done == 1


def test_a_problem_with_one_service_stops_no_other(scenario: PsaScenario) -> None:
    for number in range(4):
        scenario.organization(50 + number, number=number)
    scenario.stand_in.control("PATCH", "rows/Contracts/3001", {"endDate": "2026-02-28T00:00:00Z"})
    scenario.stand_in.control("PATCH", "rows/Contracts/3002", {"companyID": 29_683_500})
    run = scenario.sync()
    assert [scenario.check(run, number).outcome for number in range(4)] == [
        "changed", "needs_person", "needs_person", "changed",
    ]  # fmt: skip
    assert "ended on 28 February 2026" in scenario.check(run, 1).reason
    assert "another company" in scenario.check(run, 2).reason


def test_a_vanished_service_is_never_created_again(scenario: PsaScenario) -> None:
    mapping = scenario.organization(31)
    ServiceMapping.objects.filter(pk=mapping.pk).update(contract_service_id=987_654)
    lines = len(scenario.stand_in.rows("ContractServices"))
    run = scenario.sync()
    assert "no longer" in scenario.check(run).reason
    assert len(scenario.stand_in.rows("ContractServices")) == lines
    assert scenario.adjustments() == []


def test_a_renewed_contract_needs_a_person(scenario: PsaScenario) -> None:
    mapping = scenario.organization(31)
    line = next(
        row["id"] for row in scenario.stand_in.rows("ContractServices") if row["contractID"] == 3103
    )
    ServiceMapping.objects.filter(pk=mapping.pk).update(
        company_id=29_683_503, contract_id=3103, contract_service_id=line, service_id=43
    )
    run = scenario.sync()
    assert "renewed as contract 3104" in run.checks.get().reason


def test_unit_rows_without_their_line_belong_to_the_only_line(scenario: PsaScenario) -> None:
    mapping = scenario.organization(31)
    line = next(
        row["id"] for row in scenario.stand_in.rows("ContractServices") if row["contractID"] == 3105
    )
    ServiceMapping.objects.filter(pk=mapping.pk).update(
        company_id=29_683_504, contract_id=3105, contract_service_id=line, service_id=43
    )
    run = scenario.sync()
    assert run.checks.get().outcome == "changed"


def test_a_refused_sign_in_ends_the_run_with_the_reason(scenario: PsaScenario) -> None:
    scenario.organization(31)
    scenario.stand_in.control(
        "POST",
        "users",
        {
            "userName": "api@autotask.example",
            "secret": "another",
            "integrationCode": "MTPDEMOINTEGRATIONCODE",
        },
    )
    run = scenario.sync()
    assert run.finished_at
    assert "refuses its secret" in run.failure
    assert run.checked == 0
    assert run.services == 1


def test_a_removed_organization_is_billed_for_its_month_and_no_later_one(
    scenario: PsaScenario,
) -> None:
    mapping = scenario.organization(9)
    scenario.leave(mapping.organization, 9)
    mapping.organization.removed_at = scenario.now
    mapping.organization.save()
    scenario.sync()
    assert scenario.units() == 9
    scenario.now = noon(2026, 4, 2)
    scenario.sync()
    assert scenario.units() == 0


def test_costs_that_cannot_be_read_are_reported(scenario: PsaScenario) -> None:
    without_costs = Credentials(
        user_name="nocosts@autotask.example",
        integration_code=GOOD.integration_code,
        secret=GOOD.secret,
    )
    AutotaskConnection.objects.update(credentials=without_costs.encrypted())
    scenario.organization(31)
    assert "can't read costs" in scenario.check(scenario.sync()).reason
    run = scenario.sync()
    assert scenario.check(run).outcome == "unchanged"
    assert "can't read costs" in scenario.check(run).reason
    assert len(scenario.adjustments()) == 1
