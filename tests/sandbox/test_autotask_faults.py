"""Faults of the stand-in: the client's error, and the effect on the rows."""

import json
import time
from typing import Any

import httpx
import pytest

from tests.autotask_fixtures import AutotaskStandIn
from tests.sandbox_fixtures import CONTROL_KEY

BODY = {"contractServiceID": 1, "effectiveDate": "2026-03-01", "unitChange": 2}
PATH = "Contracts/3000/ServiceAdjustments"


def units_now(stand_in: AutotaskStandIn) -> int:
    rows = stand_in.rows("ContractServiceUnits")
    march = "2026-03-01T00:00:00Z"
    return next(int(r["units"]) for r in rows if r["_line"] == 1 and r["startDate"] == march)


@pytest.mark.parametrize(
    ("kind", "error", "done"),
    [
        ("drop_before", httpx.RemoteProtocolError, False),
        ("drop_after", httpx.RemoteProtocolError, True),
        ("reset_after", httpx.ReadError, True),
        ("cut_body", httpx.RemoteProtocolError, True),
    ],
)
def test_a_lost_answer_does_not_show_the_outcome(
    autotask_stand_in: AutotaskStandIn, kind: str, error: type[Exception], done: bool
) -> None:
    before = units_now(autotask_stand_in)
    autotask_stand_in.fault(kind, method="POST", path="ServiceAdjustments")
    with pytest.raises(error):
        autotask_stand_in.api.post(PATH, json=BODY)
    assert units_now(autotask_stand_in) == before + (2 if done else 0)
    assert len(autotask_stand_in.rows("ContractServiceAdjustments")) == int(done)
    assert autotask_stand_in.api.get("Companies/0").status_code == 200


def test_a_502_can_come_after_the_change(autotask_stand_in: AutotaskStandIn) -> None:
    autotask_stand_in.fault("bad_gateway_after", path="ServiceAdjustments")
    answer = autotask_stand_in.api.post(PATH, json=BODY)
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
    assert len(autotask_stand_in.rows("ContractServiceAdjustments")) == 1


def test_a_fault_truncates_the_json(autotask_stand_in: AutotaskStandIn) -> None:
    autotask_stand_in.fault("truncated_json", path="Companies")
    answer = autotask_stand_in.api.get("Companies/0")
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize("kind", ["slow_before", "slow_after"])
def test_a_request_is_applied_after_its_client_timed_out(
    autotask_stand_in: AutotaskStandIn, kind: str
) -> None:
    autotask_stand_in.fault(kind, path="ServiceAdjustments", seconds=0.6)
    with pytest.raises(httpx.ReadTimeout):
        autotask_stand_in.api.post(PATH, json=BODY, timeout=0.2)
    landed_at_once = len(autotask_stand_in.rows("ContractServiceAdjustments"))
    assert landed_at_once == (1 if kind == "slow_after" else 0)
    time.sleep(0.8)
    assert len(autotask_stand_in.rows("ContractServiceAdjustments")) == 1


def test_a_success_can_have_a_null_item_id(autotask_stand_in: AutotaskStandIn) -> None:
    autotask_stand_in.fault("null_item_id", path="ServiceAdjustments")
    answer = autotask_stand_in.api.post(PATH, json=BODY)
    assert (answer.status_code, answer.json()) == (200, {"itemId": None})
    assert len(autotask_stand_in.rows("ContractServiceAdjustments")) == 1


def test_a_fault_edits_units_between_reading_and_push(autotask_stand_in: AutotaskStandIn) -> None:
    edit = {"contractServiceID": 1, "day": "2026-03-10", "units": 50, "unitCost": 1}
    autotask_stand_in.fault("person_edit", path="ServiceAdjustments", edit=edit)
    assert autotask_stand_in.api.post(PATH, json=BODY).status_code == 200
    assert units_now(autotask_stand_in) == 52


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        ({"kind": "refuse", "status": 503, "retryAfter": 7}, 503, "An error occurred."),
        ({"kind": "refuse", "errors": ["Not today"]}, 500, "Not today"),
        ({"kind": "no_permission", "status": 403}, 403, "adequate permissions"),
        ({"kind": "thread_threshold"}, 429, "Itgenatr005"),
    ],
)
def test_each_refusal_has_its_status_and_text(
    autotask_stand_in: AutotaskStandIn, fault: dict[str, Any], status: int, text: str
) -> None:
    autotask_stand_in.fault(**fault, path="ServiceAdjustments")
    answer = autotask_stand_in.api.post(PATH, json=BODY)
    assert answer.status_code == status
    assert text in answer.json()["errors"][0]
    assert autotask_stand_in.rows("ContractServiceAdjustments") == []
    assert answer.headers.get("Retry-After") == ("7" if status == 503 else
                                                 "5" if status == 429 else None)  # fmt: skip


def test_a_fault_starts_after_its_skips_and_ends(autotask_stand_in: AutotaskStandIn) -> None:
    autotask_stand_in.fault("refuse", path="Companies", after=1, times=2)
    statuses = [autotask_stand_in.api.get("Companies/0").status_code for _ in range(4)]
    assert statuses == [200, 500, 500, 200]
    (fault,) = autotask_stand_in.control("GET", "faults")
    assert fault["hits"] == 4


def test_the_journal_has_the_requests_without_secrets(
    autotask_stand_in: AutotaskStandIn,
) -> None:
    autotask_stand_in.fault("drop_after", path="ServiceAdjustments")
    with pytest.raises(httpx.RemoteProtocolError):
        autotask_stand_in.api.post(PATH, json=BODY)
    (entry,) = autotask_stand_in.journal()
    assert entry == {
        "method": "POST",
        "path": f"/zone3/ATServicesRest/V1.0/{PATH}",
        "userName": "api@autotask.example",
        "body": BODY,
        "status": 200,
        "delivery": "dropped",
    }


@pytest.mark.parametrize(
    ("method", "name", "body"),
    [
        ("POST", "faults", {"kind": "earthquake"}),
        ("POST", "faults", {"kind": "refuse", "colour": 1}),
        ("POST", "faults", {"kind": "refuse", "times": "two"}),
        ("POST", "faults", {"kind": "slow_after", "seconds": "long"}),
        ("POST", "faults", {"kind": ["refuse"]}),
        ("POST", "faults", {"kind": "refuse", "path": 5}),
        ("POST", "faults", {"kind": "refuse", "errors": 5}),
        ("POST", "faults", {"kind": "refuse", "status": 200}),
        ("PATCH", "settings", {"zone": "three"}),
        ("PATCH", "settings", {"colour": 1}),
        ("PATCH", "settings", {"now": "noon"}),
        ("POST", "limits", {"requestsInTimeframe": -1}),
        ("POST", "units", {"contractServiceID": 1, "day": "2050-01-01", "units": 1}),
        ("POST", "units", {"contractServiceID": 1, "units": 1}),
        ("POST", "users", {"userName": "x"}),
        (
            "POST",
            "users",
            {"userName": "x", "secret": "y", "integrationCode": "z", "permissions": 5},
        ),
        ("PATCH", "rows/Companies/0", {"companyName": None}),
        ("POST", "rows/Companies", {"id": 0, "companyName": "Twice", "companyType": 1}),
        (
            "POST",
            "rows/Contracts",
            {
                "companyID": 0,
                "contractName": "Too long",
                "contractType": 7,
                "startDate": "1800-01-01",
                "endDate": "2100-01-01",
            },
        ),
        ("POST", "rows/Companies", {"companyName": "No type"}),
        ("POST", "rows/ContractServices", {"contractID": 9, "serviceID": 41}),
    ],
)
def test_an_invalid_control_request_is_a_400(
    autotask_stand_in: AutotaskStandIn, method: str, name: str, body: Any
) -> None:
    url = f"{autotask_stand_in.url}/_control/{name}"
    answer = httpx.request(method, url, json=body, headers=CONTROL_KEY)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]


def test_a_test_can_add_rows(autotask_stand_in: AutotaskStandIn) -> None:
    company = {"companyName": "New & Co", "companyType": 1, "isActive": True}
    added = autotask_stand_in.control("POST", "rows/Companies", company)
    contract = {
        "companyID": added["id"], "contractName": "Seats", "contractType": 7, "status": 1,
        "startDate": "2026-01-15", "endDate": "2026-06-30",
    }  # fmt: skip
    contract = autotask_stand_in.control("POST", "rows/Contracts", contract)
    line = {"contractID": contract["id"], "serviceID": 41, "unitPrice": 2, "units": 8}
    line = autotask_stand_in.control("POST", "rows/ContractServices", line)
    condition = {"op": "eq", "field": "contractServiceID", "value": line["id"]}
    rows = autotask_stand_in.query("ContractServiceUnits", condition).json()["items"]
    assert [row["startDate"][:10] for row in rows] == [
        f"2026-{month:02}-15" for month in range(1, 7)
    ]
    assert rows[-1]["endDate"][:10] == "2026-06-30"
    assert [row["price"] for row in rows] == [16] * 6
