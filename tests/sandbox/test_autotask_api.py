"""The stand-in's zones, sign-in, permissions, reading and limits, over HTTP."""

import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.autotask_fixtures import (
    HEADERS,
    AutotaskStandIn,
    start_autotask_stand_in,
    stop_autotask_stand_in,
)
from tests.sandbox_fixtures import HTTP

EVERY = {"op": "exist", "field": "id"}
DISCOVERY = "/atservicesrest/v1.0/zoneInformation"


def test_the_health_check_answers(autotask_address: str) -> None:
    assert httpx.get(f"{autotask_address}/health").status_code == 200


def test_a_zone_is_found_without_signing_in(autotask_stand_in: AutotaskStandIn) -> None:
    answer = httpx.get(autotask_stand_in.url + DISCOVERY, params={"user": HEADERS["UserName"]})
    assert answer.json() == {
        "zoneName": "Zone 3",
        "url": f"{autotask_stand_in.url}/zone3/ATServicesRest/",
        "webUrl": f"{autotask_stand_in.url}/zone3/",
        "ci": 3,
    }


@pytest.mark.parametrize("user", ["", "unknown@autotask.example"])
def test_an_unknown_user_has_no_zone(autotask_stand_in: AutotaskStandIn, user: str) -> None:
    answer = httpx.get(autotask_stand_in.url + DISCOVERY, params={"user": user})
    assert answer.status_code == 500
    assert answer.json()["errors"]


def test_after_a_zone_move_only_the_new_zone_answers(autotask_stand_in: AutotaskStandIn) -> None:
    autotask_stand_in.settings(zone=14)
    assert autotask_stand_in.query("Companies", EVERY).status_code == 401
    found = httpx.get(autotask_stand_in.url + DISCOVERY, params={"user": HEADERS["UserName"]})
    there = found.json()["url"] + "V1.0/Companies/0"
    assert httpx.get(there, headers=HEADERS).json()["item"]["id"] == 0


@pytest.mark.parametrize("header", sorted(HEADERS))
@pytest.mark.parametrize("value", [None, "wrong"])
def test_each_header_is_needed(
    autotask_stand_in: AutotaskStandIn, header: str, value: str | None
) -> None:
    headers = {**HEADERS, header: value} if value else HEADERS.keys() - {header}
    if not value:
        headers = {name: HEADERS[name] for name in headers}
    url = f"{autotask_stand_in.api.base_url}Companies/0"
    assert httpx.get(url, headers=headers).status_code == 401


@pytest.mark.parametrize("status", [403, 500])
def test_a_missing_permission_is_403_or_500(
    autotask_stand_in: AutotaskStandIn, status: int
) -> None:
    autotask_stand_in.settings(permissionStatus=status)
    url = f"{autotask_stand_in.api.base_url}Contracts/3000/ServiceAdjustments"
    headers = {**HEADERS, "UserName": "viewonly@autotask.example"}
    answer = httpx.post(url, headers=headers, json={})
    assert answer.status_code == status
    assert "adequate permissions" in answer.json()["errors"][0]


def test_a_user_without_the_permission_gets_no_costs(autotask_stand_in: AutotaskStandIn) -> None:
    headers = {"UserName": "nocosts@autotask.example"}
    item = autotask_stand_in.api.get("ContractServiceUnits/1", headers=headers).json()["item"]
    assert item["cost"] is None
    assert item["price"] > 0


def walk(stand_in: AutotaskStandIn, entity: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    answer = stand_in.api.post(f"{entity}/query", json=body).json()
    items = answer["items"]
    while answer["pageDetails"]["nextPageUrl"]:
        answer = stand_in.api.post(answer["pageDetails"]["nextPageUrl"], json=body).json()
        items += answer["items"]
    return items


def test_every_page_is_reached_by_post(autotask_stand_in: AutotaskStandIn) -> None:
    body = {"Filter": [{"op": "gte", "field": "units", "value": 0}], "IncludeFields": ["id"]}
    ids = [item["id"] for item in walk(autotask_stand_in, "ContractServiceUnits", body)]
    counted = autotask_stand_in.api.post("ContractServiceUnits/query/count", json=body).json()
    assert len(ids) == len(set(ids)) == counted["queryCount"] > 500
    assert ids == sorted(ids)


def test_the_next_page_refuses_get_and_another_body(autotask_stand_in: AutotaskStandIn) -> None:
    page = autotask_stand_in.query("Companies", EVERY, MaxRecords=10).json()["pageDetails"]
    assert (page["count"], page["requestCount"], page["prevPageUrl"]) == (10, 10, None)
    assert autotask_stand_in.api.get(page["nextPageUrl"]).status_code == 405
    other = autotask_stand_in.api.post(page["nextPageUrl"], json={"Filter": [EVERY]})
    assert other.status_code == 500


def test_the_previous_page_leads_back(autotask_stand_in: AutotaskStandIn) -> None:
    body = {"Filter": [EVERY], "MaxRecords": 10}
    first = autotask_stand_in.api.post("Companies/query", json=body).json()
    assert first["items"][0]["id"] == 0
    second = autotask_stand_in.api.post(first["pageDetails"]["nextPageUrl"], json=body).json()
    back = autotask_stand_in.api.post(second["pageDetails"]["prevPageUrl"], json=body).json()
    assert back["items"] == first["items"]


def test_company_0_exists_and_a_missing_one_is_a_null_item(
    autotask_stand_in: AutotaskStandIn,
) -> None:
    assert autotask_stand_in.api.get("Companies/0").json()["item"]["companyName"]
    missing = autotask_stand_in.api.get("Companies/999")
    assert (missing.status_code, missing.json()) == (200, {"item": None})


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ({"op": "eq", "field": "CompanyName", "value": "beacon dental"}, 1),
        ({"op": "beginsWith", "field": "companyName", "value": "Beacon"}, 2),
        ({"op": "contains", "field": "companyName", "value": "stone"}, 2),
        ({"op": "endsWith", "field": "companyName", "value": "Group"}, 1),
        ({"op": "in", "field": "id", "value": [0, 29683500, 5]}, 2),
        ({"op": "noteq", "field": "companyType", "value": "1"}, 2),
        ({"op": "eq", "field": "isActive", "value": False}, 1),
        ({"op": "lte", "field": "id", "value": 29683500}, 2),
        ({"op": "notExist", "field": "phone"}, 1200),
        ({"op": "or", "items": [
            {"op": "eq", "field": "id", "value": 0},
            {"op": "and", "items": [
                {"op": "gt", "field": "id", "value": 0},
                {"op": "eq", "field": "companyType", "value": 7},
            ]},
        ]}, 2),
    ],
)  # fmt: skip
def test_each_filter_finds_its_rows(
    autotask_stand_in: AutotaskStandIn, condition: dict[str, Any], found: int
) -> None:
    body = {"filter": [condition]}
    counted = autotask_stand_in.api.post("Companies/query/count", json=body)
    assert counted.json() == {"queryCount": found}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"Filter": []},
        {"Filter": [EVERY], "Order": "id"},
        {"Filter": [EVERY], "MaxRecords": 501},
        {"Filter": [EVERY], "IncludeFields": ["colour"]},
        {"Filter": [{"op": "eq", "field": "colour", "value": 1}]},
        {"Filter": [{"op": "ne", "field": "id", "value": 1}]},
        {"Filter": [{"op": "eq", "field": "id", "value": "one"}]},
        {"Filter": [{"op": "eq", "field": "id", "value": 1, "values": 2}]},
        {"Filter": [{"op": "in", "field": "id", "value": []}]},
        {"Filter": ["id eq 1"]},
        [],
    ],
)
def test_an_invalid_query_is_a_500_with_errors(
    autotask_stand_in: AutotaskStandIn, body: Any
) -> None:
    answer = autotask_stand_in.api.post("Companies/query", json=body)
    assert answer.status_code == 500
    assert answer.json()["errors"][0]


def test_picklist_values_are_text_and_row_values_numbers(
    autotask_stand_in: AutotaskStandIn,
) -> None:
    fields = autotask_stand_in.api.get("Companies/entityInformation/fields").json()["fields"]
    values = next(it for it in fields if it["name"] == "companyType")["picklistValues"]
    assert {"1": "Customer", "7": "Vendor"}.items() <= {
        v["value"]: v["label"] for v in values
    }.items()
    assert autotask_stand_in.api.get("Companies/0").json()["item"]["companyType"] == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "Companies/query/next", 405),
        ("POST", "Companies", 405),
        ("PUT", "Tickets", 405),
        ("POST", "ContractServiceAdjustments/query", 405),
        ("PATCH", "ContractServiceAdjustments", 405),
        ("GET", "Bicycles/1", 404),
        ("GET", "Companies/one", 404),
    ],
)
def test_unsupported_requests_are_refused(
    autotask_stand_in: AutotaskStandIn, method: str, path: str, status: int
) -> None:
    answer = autotask_stand_in.api.request(method, path, json={"Filter": [EVERY]})
    assert answer.status_code == status


def test_a_fourth_request_at_once_is_refused(autotask_stand_in: AutotaskStandIn) -> None:
    autotask_stand_in.fault("slow_before", path="Companies", times=3, seconds=1.5)
    slow: list[int] = []

    def ask() -> None:
        slow.append(autotask_stand_in.api.get("Companies/0").status_code)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    while len(autotask_stand_in.journal()) < 3:
        time.sleep(0.02)
    time.sleep(0.1)
    fourth = autotask_stand_in.api.get("Companies/0")
    other = autotask_stand_in.api.get("Services/41")
    for thread in threads:
        thread.join()
    assert (fourth.status_code, fourth.headers["Retry-After"]) == (429, "5")
    assert fourth.json()["errors"][0].startswith("Itgenatr005")
    assert other.status_code == 200
    assert slow == [200, 200, 200]
    assert autotask_stand_in.control("GET", "limits")["peakThreads"]["Companies"] == 3


def test_the_hourly_threshold_slows_and_then_blocks(autotask_stand_in: AutotaskStandIn) -> None:
    autotask_stand_in.settings(latencyAtHalf=0.2, latencyAtThreeQuarters=0.4)
    for used, at_least, below in ((0, 0, 0.2), (5000, 0.2, 0.4), (7500, 0.4, 2)):
        autotask_stand_in.control("POST", "limits", {"requestsInTimeframe": used})
        began = time.monotonic()
        assert autotask_stand_in.api.get("Companies/0").status_code == 200
        assert at_least <= time.monotonic() - began < below
    autotask_stand_in.control("POST", "limits", {"requestsInTimeframe": 9999})
    assert autotask_stand_in.api.get("ThresholdInformation").json() == {
        "externalRequestThreshold": 10_000,
        "requestThresholdTimeframe": 60,
        "currentTimeframeRequestCount": 10_000,
    }
    assert autotask_stand_in.api.get("Companies/0").status_code == 429


def test_the_state_file_survives_a_killed_process(tmp_path: Path) -> None:
    state = str(tmp_path / "autotask.json")
    process, url = start_autotask_stand_in("--state", state)
    try:
        company = {"companyName": "Kept & Co", "companyType": 1, "isActive": True}
        killed = AutotaskStandIn(url=url, api=HTTP)
        killed.control("POST", "rows/Companies", company)
        before = killed.rows("ContractServiceUnits")
        process.kill()
        process.communicate()
        process, url = start_autotask_stand_in("--state", state)
        again = AutotaskStandIn(url=url, api=HTTP)
        assert again.rows("ContractServiceUnits") == before
        assert again.rows("Companies")[-1]["companyName"] == "Kept & Co"
    finally:
        stop_autotask_stand_in(process)


def test_two_starts_hold_the_same_rows(autotask_stand_in: AutotaskStandIn) -> None:
    process, url = start_autotask_stand_in()
    try:
        for entity in ("Companies", "Contracts", "ContractServiceUnits", "Tickets"):
            rows = AutotaskStandIn(url=url, api=HTTP).rows(entity)
            assert rows == autotask_stand_in.rows(entity)
    finally:
        stop_autotask_stand_in(process)
