"""The Autotask pages as administrators use them: set-up, mapping, runs, decisions."""

import re
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client

from core.schema import provider_schema
from integrations.models import AutotaskConnection, Drift, ServiceMapping, SyncRun
from tenants.models import Organization
from tests.autotask_fixtures import HEADERS, AutotaskStandIn
from tests.integrations.psa_scenario import GOOD, PsaScenario
from tests.personas import Personas

FORM = {
    "user_name": HEADERS["UserName"],
    "secret": HEADERS["Secret"],
    "integration_code": HEADERS["ApiIntegrationCode"],
}


@pytest.fixture
def bill(people: Personas, client: Client, sign_in: Any, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Bill's browser. Between requests the test is in north's schema."""
    caches["provider"].clear()
    send = client.request

    def send_and_return_to_north(**request: Any) -> Any:
        try:
            return send(**request)
        finally:
            connection.set_tenant(people.north)

    sign_in(client, people.bill)
    monkeypatch.setattr(client, "request", send_and_return_to_north)
    return client


@pytest.mark.parametrize("name", ["adam", "rita"])
def test_an_administrator_without_billing_gets_403(
    people: Personas, client: Client, sign_in: Any, name: str
) -> None:
    answer = sign_in(client, getattr(people, name)).get("/integrations/autotask/")
    assert answer.status_code == 403
    assert "manage integrations" in answer.text


def test_the_set_up_leads_from_credentials_to_a_mapped_service(
    bill: Client, autotask: AutotaskStandIn, people: Personas
) -> None:
    assert "Connect Autotask" in bill.get("/integrations/autotask/").text
    answer = bill.post("/integrations/autotask/credentials/", FORM)
    assert answer.headers["Location"] == "/integrations/autotask/company-types/"
    assert "Customer" in bill.get(answer.headers["Location"]).text
    answer = bill.post("/integrations/autotask/company-types/", {"types": ["1"]})
    assert answer.headers["Location"] == "/integrations/autotask/mapping/"
    with provider_schema(people.north):
        organization = Organization.objects.create(name="Beacon Dental Group, Inc.")
    page = bill.get("/integrations/autotask/mapping/").text
    assert "0 of 1<" in page
    assert "?company=29683501" in page
    address = f"/integrations/autotask/mapping/{organization.pk}/?company=29683501"
    # The units that the sync would replace are seen before: another company may keep them.
    offered = bill.get(address).text
    assert re.search(r"Email Security \(\d+ units? today\)", offered)
    assert "another organization or another company may keep them" in offered
    with provider_schema(people.north):
        line = next(
            row["id"] for row in autotask.rows("ContractServices") if row["contractID"] == 3001
        )
    answer = bill.post(address, {"contract_service_id": line, "non_billable_users": 2})
    assert answer.status_code == 302
    with provider_schema(people.north):
        mapping = ServiceMapping.objects.get()
        assert (mapping.company_name, mapping.non_billable_users) == ("Beacon Dental Group", 2)
        stored = AutotaskConnection.objects.get().credentials
    assert HEADERS["Secret"] not in stored
    assert "1 of 1<" in bill.get("/integrations/autotask/mapping/").text


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"user_name": "unknown@autotask.example"}, "does not know an API user"),
        ({"secret": "wrong"}, "refuses its secret"),
        ({"user_name": "\x00"}, "Null characters"),
    ],
)
def test_wrong_credentials_get_the_reason(
    bill: Client, autotask: AutotaskStandIn, people: Personas, change: dict[str, str], text: str
) -> None:
    answer = bill.post("/integrations/autotask/credentials/", FORM | change)
    assert answer.status_code == 422
    assert text in answer.text
    with provider_schema(people.north):
        assert not AutotaskConnection.objects.exists()


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ({"kind": "no_permission", "path": "Contracts/query", "status": 500}, "Contracts: View"),
        ({"kind": "no_permission", "path": "Contracts/query", "status": 403}, "Contracts: View"),
        ({"kind": "bad_gateway_after", "path": "Companies/query"}, "answered 502"),
        ({"kind": "truncated_json", "path": "Companies/query"}, "no JSON"),
        ({"kind": "drop_before", "path": "Companies/query"}, "did not answer"),
    ],
)
def test_an_error_while_connecting_gets_the_reason(
    bill: Client, autotask: AutotaskStandIn, fault: dict[str, Any], text: str
) -> None:
    autotask.fault(**fault, times=None)
    answer = bill.post("/integrations/autotask/credentials/", FORM)
    assert answer.status_code == 422
    assert text in answer.text


def test_an_api_user_without_costs_gets_a_warning(bill: Client, autotask: AutotaskStandIn) -> None:
    answer = bill.post(
        "/integrations/autotask/credentials/",
        FORM | {"user_name": "nocosts@autotask.example"},
        follow=True,
    )
    assert "read costs" in answer.text


def map_organization(scenario: PsaScenario, bill: Client, company: int, line: int) -> Any:
    organization = Organization.objects.create(name=f"Client of {company} and {line}")
    return bill.post(
        f"/integrations/autotask/mapping/{organization.pk}/?company={company}",
        {"contract_service_id": line, "non_billable_users": 0},
    )


def test_a_refused_mapping_has_a_reason_and_saves_nothing(
    scenario: PsaScenario, bill: Client
) -> None:
    scenario.organization(5, number=0)
    taken = map_organization(scenario, bill, 29_683_500, scenario.line(0))
    assert taken.status_code == 422
    assert "is mapped to" in taken.text
    foreign = map_organization(scenario, bill, 29_683_501, scenario.line(2))
    assert foreign.status_code == 422
    scenario.stand_in.control("PATCH", "rows/Companies/29683501", {"companyType": 3})
    other_type = map_organization(scenario, bill, 29_683_501, scenario.line(1))
    assert "company type that you have not chosen" in other_type.text
    scenario.stand_in.control("PATCH", "rows/Services/41", {"name": "x" * 4000})
    long = map_organization(scenario, bill, 29_683_503, scenario.line(3))
    assert "4,000 characters" in long.text
    assert ServiceMapping.objects.count() == 1


def test_one_providers_companies_are_not_suggested_to_another(
    bill: Client, autotask: AutotaskStandIn, people: Personas, sign_in: Any
) -> None:
    """The cache of companies is separate: north's customers, south's prospects."""
    pages = {}
    for provider, types, browser in (
        (people.north, [1], bill),
        (people.south, [3], sign_in(Client(), people.sofia)),
    ):
        with provider_schema(provider):
            AutotaskConnection.objects.create(
                pk=1, credentials=GOOD.encrypted(), company_types=types
            )
            Organization.objects.create(name="Beacon Dental Group, Inc.")
        pages[provider.invoice_prefix] = browser.get("/integrations/autotask/mapping/").text
    assert "?company=29683501" in pages["NORTH"]
    assert "Beacon Dental Group, Inc." in pages["SOUTH"]
    assert "?company=29683501" not in pages["SOUTH"]


def test_sync_now_and_preview_appear_in_the_history(scenario: PsaScenario, bill: Client) -> None:
    scenario.organization(7)
    answer = bill.post("/integrations/autotask/run/", {"kind": "preview"})
    run = SyncRun.objects.get()
    assert answer.headers["Location"] == f"/integrations/autotask/runs/{run.pk}/"
    assert "At work" in bill.get(answer.headers["Location"]).text
    scenario.work_on(run)
    page = bill.get(answer.headers["Location"]).text
    assert "Would change" in page
    assert bill.post("/integrations/autotask/run/", {"kind": "manual"}).status_code == 302
    scenario.work_on(SyncRun.objects.latest("pk"))
    assert "Sync now" in bill.get("/integrations/autotask/runs/").text
    runs = bill.get("/integrations/autotask/runs.csv").content.decode("utf-8-sig")
    assert len(runs.splitlines()) == 3
    pushes = bill.get("/integrations/autotask/pushes.csv").content.decode("utf-8-sig")
    assert "Applied" in pushes
    assert scenario.units() == 7


def test_a_run_without_a_check_is_not_clean(scenario: PsaScenario, bill: Client) -> None:
    run = scenario.sync()
    page = bill.get(f"/integrations/autotask/runs/{run.pk}/").text
    assert "Nothing was checked" in page
    assert "Clean" not in page


def test_an_administrator_decides_a_drift_on_its_page(scenario: PsaScenario, bill: Client) -> None:
    scenario.organization(31)
    scenario.sync()
    scenario.set_units(25)
    scenario.sync()
    drift = Drift.objects.get()
    assert "Keep 25 (Autotask) for March" in bill.get("/integrations/autotask/changes/").text
    address = f"/integrations/autotask/changes/{drift.pk}/overwrite/"
    assert "by now" in bill.post(address, {"seen": "26"}, follow=True).text
    bill.post(address, {"seen": "25"})
    scenario.work_on(SyncRun.objects.get(finished_at=None))
    assert scenario.units() == 31


def test_pausing_refuses_runs_and_disconnecting_deletes_the_credentials(
    scenario: PsaScenario, bill: Client
) -> None:
    scenario.organization(31)
    bill.post("/integrations/autotask/pause/")
    assert "Resume it first" in bill.post("/integrations/autotask/run/", follow=True).text
    bill.post("/integrations/autotask/resume/")
    bill.post("/integrations/autotask/disconnect/")
    assert AutotaskConnection.objects.get().credentials == ""
    assert ServiceMapping.objects.living().count() == 1
    assert "Connect Autotask" in bill.get("/integrations/autotask/").text


def test_the_tabs_follow_the_connection(bill: Client, scenario: PsaScenario) -> None:
    def tabs() -> list[dict[str, Any]]:
        caches["provider"].clear()
        return list(bill.get("/integrations/autotask/").context["tab_strip"]["items"])

    connected = tabs()
    assert [tab["label"] for tab in connected] == [
        *("Overview", "Reconcile", "Mapping", "Changes", "Tickets", "Runs", "Setup"),
    ]
    for tab in connected:
        behind = bill.get(tab["url"])
        assert behind.status_code == 200, tab
        marked = [each for each in behind.context["tab_strip"]["items"] if each["current"]]
        assert [each["label"] for each in marked] == [tab["label"]]
    bill.post("/integrations/autotask/disconnect/")
    assert [tab["label"] for tab in tabs()] == [
        *("Overview", "Reconcile", "Changes", "Runs", "Setup"),
    ]
    AutotaskConnection.objects.all().delete()
    assert [tab["label"] for tab in tabs()] == ["Overview", "Reconcile"]
    assert bill.get("/integrations/autotask/setup/").status_code == 302
