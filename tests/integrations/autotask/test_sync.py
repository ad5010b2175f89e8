"""The nightly sync as dated stories: exactly the right quantity, exactly once."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from integrations.models import Push, ServiceMapping, SyncRun
from tests.integrations.autotask_stage import COST, Stage, noon

MARCH = date(2026, 3, 1)


def test_the_mark_becomes_the_units_and_the_price_a_seat_the_cost(stage: Stage) -> None:
    mapping = stage.organization(31, non_billable=2)
    run = stage.sync()
    check = stage.check(run)
    assert (check.outcome, check.units_before, check.units_desired, check.units_after) == (
        "changed", 5, 29, 29,
    )  # fmt: skip
    row = stage.row()
    assert (row["units"], Decimal(str(row["cost"]))) == (29, 29 * COST)
    assert run.finished_at
    (adjustment,) = stage.adjustments()
    assert adjustment["effectiveDate"].startswith("2026-03-01")
    push = Push.objects.get(mapping=mapping)
    assert (push.delta, push.answer.kind, push.reading.verdict) == (24, "accepted", "applied")


def test_the_next_night_changes_nothing(stage: Stage) -> None:
    stage.organization(31)
    stage.sync()
    stage.now += timedelta(days=1)
    run = stage.sync()
    assert stage.check(run).outcome == "unchanged"
    assert len(stage.adjustments()) == 1


def test_more_non_billable_users_than_users_is_zero(stage: Stage) -> None:
    stage.organization(3, non_billable=10)
    stage.sync()
    assert stage.units() == 0


def test_a_second_increase_takes_the_next_free_day(stage: Stage) -> None:
    """Two adjustments of one day are refused: 'duplicate data into contract_service_period'."""
    mapping = stage.organization(8)
    stage.sync()
    stage.now = noon(2026, 3, 12)
    stage.join(mapping.organization, 4)
    stage.sync()
    assert stage.units() == 12
    assert [one["effectiveDate"][:10] for one in stage.adjustments()] == [
        "2026-03-01", "2026-03-02",
    ]  # fmt: skip


def test_at_the_turn_of_the_month_the_units_fall_to_what_was_carried_in(stage: Stage) -> None:
    mapping = stage.organization(20)
    stage.sync()
    stage.leave(mapping.organization, 8)
    stage.now = noon(2026, 3, 31)
    stage.join(mapping.organization, 10)  # 22 at the end: the mark of the last day
    stage.leave(mapping.organization, 3)
    stage.now = noon(2026, 4, 1)
    run = stage.sync()
    assert stage.units(day=date(2026, 3, 31)) == 22
    assert stage.units() == 19
    assert run.checked == 2
    mapping.refresh_from_db()
    assert mapping.settled_through == MARCH
    assert stage.sync().checked == 1


def test_a_decrease_within_the_month_waits_for_the_next(stage: Stage) -> None:
    mapping = stage.organization(20)
    stage.sync()
    ServiceMapping.objects.update(non_billable_users=5)
    stage.now += timedelta(days=1)
    run = stage.sync()
    assert stage.check(run).outcome == "waits"
    assert stage.units() == 20
    stage.now = noon(2026, 4, 1)
    stage.sync()
    assert stage.units() == 15
    assert mapping.pushes.count() == 2


@pytest.mark.parametrize("policy", ["first_of_month", "day_of_change"])
def test_other_policies_lower_at_once(stage: Stage, policy: str) -> None:
    stage.organization(20)
    stage.sync()
    ServiceMapping.objects.update(non_billable_users=5)
    type(stage.provider)  # the provider's own setting decides
    from integrations.models import AutotaskConnection

    AutotaskConnection.objects.update(date_policy=policy)
    stage.now += timedelta(days=1)
    stage.sync()
    assert stage.units(day=date(2026, 3, 31)) == 15
    expected = "2026-03-02" if policy == "first_of_month" else "2026-03-11"
    assert stage.adjustments()[-1]["effectiveDate"].startswith(expected)


def test_preview_pushes_nothing(stage: Stage) -> None:
    stage.organization(31)
    run = stage.sync(kind=SyncRun.Kind.PREVIEW)
    check = stage.check(run)
    assert (check.outcome, check.units_before, check.units_desired) == ("would_change", 5, 31)
    assert stage.adjustments() == []
    assert stage.units() == 5


@pytest.mark.parametrize(
    ("fault", "properties"),
    [
        ("drop_after", {}),
        ("reset_after", {}),
        ("bad_gateway_after", {}),
        ("truncated_json", {}),
        ("cut_body", {}),
        ("null_item_id", {}),
    ],
)
def test_done_but_not_heard_of_is_seen_and_never_sent_again(
    stage: Stage, fault: str, properties: dict[str, object]
) -> None:
    stage.organization(31)
    stage.stand_in.fault(fault, path="ServiceAdjustments", **properties)
    run = stage.sync(slices=5)
    assert stage.check(run).outcome == "changed"
    assert stage.units() == 31
    assert len(stage.adjustments()) == 1
    assert Push.objects.count() == 1


def test_not_done_and_not_heard_of_rests_before_it_is_decided_anew(stage: Stage) -> None:
    stage.organization(31)
    stage.stand_in.fault("drop_before", path="ServiceAdjustments")
    run = stage.sync()
    assert run.finished_at is None
    assert stage.now >= noon(2026, 3, 10) + timedelta(minutes=15)
    run = stage.go_on(run, slices=3)
    assert stage.check(run).outcome == "changed"
    assert len(stage.adjustments()) == 1
    assert [push.reading.verdict for push in Push.objects.order_by("serial")] == [
        "not_applied", "applied",
    ]  # fmt: skip


@pytest.mark.parametrize("fault", ["thread_threshold", "refuse"])
def test_what_was_refused_for_being_too_much_is_tried_again_at_once(
    stage: Stage, fault: str
) -> None:
    stage.organization(31)
    stage.stand_in.fault(fault, path="ServiceAdjustments", status=429)
    run = stage.sync(slices=3)
    assert stage.check(run).outcome == "changed"
    assert len(stage.adjustments()) == 1


def test_a_refusal_is_recorded_in_autotasks_words(stage: Stage) -> None:
    stage.organization(31)
    stage.stand_in.fault(
        "refuse", path="ServiceAdjustments", errors=["The period is closed."], times=9
    )
    run = stage.sync(slices=3)
    check = stage.check(run)
    assert (check.outcome, check.reason) == ("refused", "The period is closed.")
    assert run.finished_at
    assert run.not_done == 1


def test_one_lines_trouble_stops_no_other(stage: Stage) -> None:
    for number in range(4):
        stage.organization(50 + number, number=number)
    stage.stand_in.control("PATCH", "rows/Contracts/3001", {"endDate": "2026-02-28T00:00:00Z"})
    stage.stand_in.control("PATCH", "rows/Contracts/3002", {"companyID": 29_683_500})
    run = stage.sync()
    assert [stage.check(run, number).outcome for number in range(4)] == [
        "changed", "needs_person", "needs_person", "changed",
    ]  # fmt: skip
    assert "ended on 28 February 2026" in stage.check(run, 1).reason
    assert "another company" in stage.check(run, 2).reason


def test_a_vanished_line_is_never_created_anew(stage: Stage) -> None:
    mapping = stage.organization(31)
    ServiceMapping.objects.filter(pk=mapping.pk).update(contract_service_id=987_654)
    lines = len(stage.stand_in.rows("ContractServices"))
    run = stage.sync()
    assert "no longer" in stage.check(run).reason
    assert len(stage.stand_in.rows("ContractServices")) == lines
    assert stage.adjustments() == []


def test_a_contract_that_was_renewed_needs_a_person(stage: Stage) -> None:
    mapping = stage.organization(31)
    line = next(
        row["id"] for row in stage.stand_in.rows("ContractServices") if row["contractID"] == 3103
    )
    ServiceMapping.objects.filter(pk=mapping.pk).update(
        company_id=29_683_503, contract_id=3103, contract_service_id=line, service_id=43
    )
    run = stage.sync()
    assert "renewed as contract 3104" in run.checks.get().reason


def test_rows_carried_over_without_their_line_are_found(stage: Stage) -> None:
    mapping = stage.organization(31)
    line = next(
        row["id"] for row in stage.stand_in.rows("ContractServices") if row["contractID"] == 3105
    )
    ServiceMapping.objects.filter(pk=mapping.pk).update(
        company_id=29_683_504, contract_id=3105, contract_service_id=line, service_id=43
    )
    run = stage.sync()
    assert run.checks.get().outcome == "changed"


def test_a_refused_sign_in_ends_the_run_and_says_so(stage: Stage) -> None:
    stage.organization(31)
    stage.stand_in.control(
        "POST",
        "users",
        {
            "userName": "api@autotask.example",
            "secret": "another",
            "integrationCode": "MTPDEMOINTEGRATIONCODE",
        },
    )
    run = stage.sync()
    assert run.finished_at
    assert "refuses its secret" in run.failure
    assert run.checked == 0
    assert run.services == 1


def test_a_removed_organization_bills_its_month_and_nothing_after(stage: Stage) -> None:
    mapping = stage.organization(9)
    stage.leave(mapping.organization, 9)
    mapping.organization.removed_at = stage.now
    mapping.organization.save()
    stage.sync()
    assert stage.units() == 9
    stage.now = noon(2026, 4, 2)
    stage.sync()
    assert stage.units() == 0


def test_costs_that_cannot_be_read_are_reported_not_guessed(stage: Stage) -> None:
    from integrations.autotask.api.credentials import Credentials
    from integrations.models import AutotaskConnection
    from tests.integrations.autotask_stage import GOOD

    blind = Credentials(
        user_name="nocosts@autotask.example",
        integration_code=GOOD.integration_code,
        secret=GOOD.secret,
    )
    AutotaskConnection.objects.update(credentials=blind.encrypted())
    stage.organization(31)
    assert "can't read costs" in stage.check(stage.sync()).reason
    run = stage.sync()
    assert stage.check(run).outcome == "unchanged"
    assert "can't read costs" in stage.check(run).reason
    assert len(stage.adjustments()) == 1
