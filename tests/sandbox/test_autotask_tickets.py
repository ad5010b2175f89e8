"""Tickets of the stand-in: create, find by external id, change."""

from typing import Any

import pytest

from tests.autotask_fixtures import AutotaskStandIn

TICKET: dict[str, Any] = {
    "title": "Birchwood Legal is at its user cap",
    "companyID": 29_683_502,
    "status": 1,
    "priority": 2,
    "dueDateTime": "2026-03-04T17:00:00Z",
    "queueID": 29_682_834,
    "externalID": "alert-1",
}


def test_a_ticket_is_created_and_found_by_its_external_id(
    autotask_stand_in: AutotaskStandIn,
) -> None:
    autotask_stand_in.settings(now="2026-03-03T10:00:00Z")
    answer = autotask_stand_in.api.post("Tickets", json=TICKET)
    condition = {"op": "eq", "field": "externalID", "value": "alert-1"}
    (ticket,) = autotask_stand_in.query("Tickets", condition).json()["items"]
    assert answer.json() == {"itemId": ticket["id"]}
    assert ticket["ticketNumber"] == "T20260303.0001"
    assert ticket["createDate"] == "2026-03-03T10:00:00Z"
    assert TICKET.items() <= ticket.items()


def test_a_second_ticket_with_the_same_external_id_is_accepted(
    autotask_stand_in: AutotaskStandIn,
) -> None:
    ids = {autotask_stand_in.api.post("Tickets", json=TICKET).json()["itemId"] for _ in range(2)}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"title": None}, "Missing Required Field: title"),
        ({"dueDateTime": None}, "Missing Required Field: dueDateTime"),
        ({"title": "x" * 256}, "title exceeds"),
        ({"description": "x" * 8001}, "description exceeds"),
        ({"externalID": "x" * 51}, "externalID exceeds"),
        ({"companyID": 1}, "valid Company"),
        ({"status": 9}, "active picklist value"),
        ({"priority": 77}, "active picklist value"),
        ({"queueID": 1}, "active picklist value"),
        ({"queueID": None}, "queueID or an assignedResourceID"),
        ({"assignedResourceID": 29_682_885}, "set together"),
        ({"assignedResourceID": 5, "assignedResourceRoleID": 1}, "valid Resource"),
        ({"assignedResourceID": 29_682_885, "assignedResourceRoleID": 1}, "not a role"),
        ({"assignedResourceID": 29_682_890, "assignedResourceRoleID": 29_683_378}, "API user"),
        ({"ticketNumber": "T1"}, "read-only"),
        ({"colour": "red"}, "Unable to find colour"),
    ],
)
def test_an_invalid_ticket_is_refused(
    autotask_stand_in: AutotaskStandIn, changes: dict[str, Any], error: str
) -> None:
    answer = autotask_stand_in.api.post("Tickets", json={**TICKET, **changes})
    assert answer.status_code == 500
    assert error in answer.json()["errors"][0]
    assert len(autotask_stand_in.rows("Tickets")) == 1


def test_a_resource_with_one_of_its_roles_is_enough(autotask_stand_in: AutotaskStandIn) -> None:
    assigned = {"assignedResourceID": 29_682_885, "assignedResourceRoleID": 29_683_378}
    answer = autotask_stand_in.api.post("Tickets", json={**TICKET, **assigned, "queueID": None})
    assert answer.status_code == 200


def test_a_patch_changes_the_named_fields_only(autotask_stand_in: AutotaskStandIn) -> None:
    ticket = autotask_stand_in.api.post("Tickets", json=TICKET).json()["itemId"]
    answer = autotask_stand_in.api.patch("Tickets", json={"id": ticket, "status": 5})
    assert answer.json() == {"itemId": ticket}
    item = autotask_stand_in.api.get(f"Tickets/{ticket}").json()["item"]
    assert {**TICKET, "status": 5}.items() <= item.items()


@pytest.mark.parametrize(
    "body", [{}, {"id": 1}, {"id": 7000, "title": ""}, {"id": 7000, "status": 77}]
)
def test_an_invalid_patch_is_refused(
    autotask_stand_in: AutotaskStandIn, body: dict[str, Any]
) -> None:
    before = autotask_stand_in.rows("Tickets")
    assert autotask_stand_in.api.patch("Tickets", json=body).status_code == 500
    assert autotask_stand_in.rows("Tickets") == before
