"""Units of the stand-in: adjustments, their rows, and refusals."""

from typing import Any

import httpx
import pytest

from tests.autotask_fixtures import AutotaskStandIn

CONTRACT = 3000


def line_of(stand_in: AutotaskStandIn, contract: int = CONTRACT) -> dict[str, Any]:
    condition = {"op": "eq", "field": "contractID", "value": contract}
    line: dict[str, Any] = stand_in.query("ContractServices", condition).json()["items"][0]
    return line


def units_on(stand_in: AutotaskStandIn, line: int, day: str) -> dict[str, Any]:
    answer = stand_in.query(
        "ContractServiceUnits",
        {"op": "eq", "field": "contractServiceID", "value": line},
        {"op": "lte", "field": "startDate", "value": day},
        {"op": "gte", "field": "endDate", "value": day},
    )
    (row,) = answer.json()["items"]
    return dict(row)


def adjust(stand_in: AutotaskStandIn, contract: int = CONTRACT, **body: Any) -> httpx.Response:
    return stand_in.api.post(f"Contracts/{contract}/ServiceAdjustments", json=body)


def test_an_adjustment_is_a_signed_delta_from_its_day_on(
    autotask_stand_in: AutotaskStandIn,
) -> None:
    line = line_of(autotask_stand_in)["id"]
    before = units_on(autotask_stand_in, line, "2026-03-01")["units"]
    for change, day in ((4, "2026-03-01"), (-1, "2026-05-01T00:00:00Z")):
        answer = adjust(
            autotask_stand_in, contractServiceID=line, effectiveDate=day, unitChange=change
        )
        assert answer.status_code == 200
        assert answer.json()["itemId"] > 0
    units = [
        units_on(autotask_stand_in, line, f"2026-{month:02}-28")["units"] - before
        for month in range(1, 7)
    ]
    assert units == [0, 0, 4, 4, 3, 3]


def test_a_change_within_a_period_splits_it_and_prorates(
    autotask_stand_in: AutotaskStandIn,
) -> None:
    line = line_of(autotask_stand_in)["id"]
    whole = units_on(autotask_stand_in, line, "2026-04-01")
    adjust(
        autotask_stand_in, contractServiceID=line, effectiveDate="2026-04-11", unitChange=5,
        adjustedUnitCost=3.0,
    )  # fmt: skip
    early = units_on(autotask_stand_in, line, "2026-04-10")
    late = units_on(autotask_stand_in, line, "2026-04-11")
    assert (early["id"], early["units"], early["endDate"]) == (
        whole["id"], whole["units"], "2026-04-10T00:00:00Z",
    )  # fmt: skip
    assert early["cost"] == round(whole["cost"] / 3, 2)
    assert late["units"] == whole["units"] + 5
    assert late["cost"] == round(late["units"] * 3.0 * 20 / 30, 2)
    assert units_on(autotask_stand_in, line, "2026-05-01")["cost"] == late["units"] * 3.0


def test_cost_and_price_are_the_periods_totals(autotask_stand_in: AutotaskStandIn) -> None:
    line = line_of(autotask_stand_in)
    row = units_on(autotask_stand_in, line["id"], "2026-03-01")
    assert row["cost"] == pytest.approx(row["units"] * line["unitCost"])
    assert row["price"] == pytest.approx(row["units"] * line["unitPrice"])


def test_rows_exist_for_every_period_past_and_future(autotask_stand_in: AutotaskStandIn) -> None:
    line = line_of(autotask_stand_in)["id"]
    condition = {"op": "eq", "field": "contractServiceID", "value": line}
    rows = autotask_stand_in.query("ContractServiceUnits", condition).json()["items"]
    assert len(rows) == 144
    assert rows[0]["startDate"] == "2024-01-01T00:00:00Z"
    assert rows[-1]["endDate"] == "2035-12-31T00:00:00Z"


def test_rows_from_an_old_system_keep_their_missing_line(
    autotask_stand_in: AutotaskStandIn,
) -> None:
    line = line_of(autotask_stand_in, 3105)["id"]
    answer = adjust(
        autotask_stand_in, 3105, contractServiceID=line, effectiveDate="2026-03-15", unitChange=1
    )
    assert answer.status_code == 200
    rows = [row for row in autotask_stand_in.rows("ContractServiceUnits") if row["_line"] == line]
    assert len(rows) == 145
    assert {row["contractServiceID"] for row in rows} == {None}
    assert rows[-1]["units"] == 10


@pytest.mark.parametrize(
    ("contract", "changes", "error"),
    [
        (CONTRACT, {"effectiveDate": "2023-12-31"}, "effectiveDate must be between"),
        (CONTRACT, {"effectiveDate": "2036-01-01"}, "effectiveDate must be between"),
        (3103, {"effectiveDate": "2025-01-01"}, "effectiveDate must be between"),
        (CONTRACT, {"unitChange": -1000}, "negative"),
        (CONTRACT, {"unitChange": None}, "Missing Required Field: unitChange"),
        (CONTRACT, {"unitChange": 1.5}, "must be of type integer"),
        (CONTRACT, {"unitChange": 2**31}, "must be of type integer"),
        (CONTRACT, {"effectiveDate": "0001-01-01"}, "must be of type datetime"),
        (CONTRACT, {"effectiveDate": "yesterday"}, "must be of type datetime"),
        (CONTRACT, {"quantity": 3}, "Unable to find quantity"),
        (CONTRACT, {"contractServiceID": 999_999}, "contractServiceID"),
        (CONTRACT, {"contractServiceID": 1, "contractID": 3001}, "differs"),
        (3001, {"contractServiceID": 1}, "not on this Contract"),
        (3999, {"contractServiceID": None, "serviceID": 41}, "valid Contract"),
        (3100, {"contractServiceID": None, "serviceID": 41}, "Recurring Service"),
    ],
)
def test_a_refused_adjustment_changes_nothing(
    autotask_stand_in: AutotaskStandIn, contract: int, changes: dict[str, Any], error: str
) -> None:
    before = {it: autotask_stand_in.rows(it) for it in ("ContractServices", "ContractServiceUnits")}
    line = 999
    if contract in {CONTRACT, 3103}:
        line = line_of(autotask_stand_in, contract)["id"]
    body = {"contractServiceID": line, "effectiveDate": "2026-03-01", "unitChange": 1, **changes}
    answer = adjust(autotask_stand_in, contract, **body)
    assert answer.status_code == 500
    assert error in answer.json()["errors"][0]
    assert before == {it: autotask_stand_in.rows(it) for it in before}
    assert autotask_stand_in.rows("ContractServiceAdjustments") == []


def test_a_second_adjustment_of_the_same_line_and_day_is_refused(
    autotask_stand_in: AutotaskStandIn,
) -> None:
    body = {
        "contractServiceID": line_of(autotask_stand_in)["id"],
        "effectiveDate": "2026-03-01",
        "unitChange": 1,
    }
    assert adjust(autotask_stand_in, **body).status_code == 200
    second = adjust(autotask_stand_in, **body)
    assert second.status_code == 500
    assert "Attempt to insert duplicate data into contract_service_period" in second.text
    assert adjust(autotask_stand_in, **{**body, "effectiveDate": "2026-03-02"}).status_code == 200


@pytest.mark.parametrize(("allowed", "status"), [(True, 200), (False, 500)])
def test_zero_units_are_accepted_or_refused_by_setting(
    autotask_stand_in: AutotaskStandIn, allowed: bool, status: int
) -> None:
    autotask_stand_in.settings(zeroUnitsAllowed=allowed)
    line = line_of(autotask_stand_in)["id"]
    have = units_on(autotask_stand_in, line, "2026-03-01")["units"]
    answer = adjust(
        autotask_stand_in, contractServiceID=line, effectiveDate="2026-03-01", unitChange=-have
    )
    assert answer.status_code == status


def test_a_missing_line_is_created_without_notice(autotask_stand_in: AutotaskStandIn) -> None:
    answer = adjust(autotask_stand_in, 3101, serviceID=42, effectiveDate="2026-03-01", unitChange=3)
    assert answer.status_code == 200
    line = line_of(autotask_stand_in, 3101)
    assert line["serviceID"] == 42
    assert units_on(autotask_stand_in, line["id"], "2026-02-28")["units"] == 0
    assert units_on(autotask_stand_in, line["id"], "2026-03-01")["units"] == 3


def test_a_refused_adjustment_creates_no_line(autotask_stand_in: AutotaskStandIn) -> None:
    answer = adjust(
        autotask_stand_in, 3101, serviceID=42, effectiveDate="2026-03-01", unitChange=-3
    )
    assert answer.status_code == 500
    condition = {"op": "eq", "field": "contractID", "value": 3101}
    assert autotask_stand_in.query("ContractServices", condition).json()["items"] == []


def test_a_second_line_of_a_service_needs_a_flag(autotask_stand_in: AutotaskStandIn) -> None:
    body = {"serviceID": 41, "effectiveDate": "2026-03-01", "unitChange": 1}
    assert adjust(autotask_stand_in, 3001, **body).status_code == 200
    assert adjust(autotask_stand_in, 3001, **body, allowRepeatService=True).status_code == 200
    condition = {"op": "eq", "field": "contractID", "value": 3001}
    assert len(autotask_stand_in.query("ContractServices", condition).json()["items"]) == 2


def test_property_names_ignore_case(autotask_stand_in: AutotaskStandIn) -> None:
    line = line_of(autotask_stand_in)["id"]
    body = {"ContractServiceId": line, "EFFECTIVEDATE": "2026-03-01", "UnitChange": 1}
    assert autotask_stand_in.api.post("ContractServiceAdjustments", json=body).status_code == 200
