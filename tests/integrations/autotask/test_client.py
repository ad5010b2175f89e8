"""The client: zone, pages, limits, retries of reads, secrets, the API's description."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command

from core.encryption import SecretsUnreadable
from core.schema import provider_schema
from integrations.autotask.api import entities
from integrations.autotask.api.client import Client
from integrations.autotask.api.credentials import Credentials
from integrations.autotask.api.errors import (
    BudgetSpent,
    NotUnderstood,
    SignInRefused,
    UnknownUser,
    Unreachable,
)
from integrations.autotask.api.zones import is_autotasks
from integrations.models import AutotaskConnection
from tests.autotask_fixtures import ROOT, AutotaskStandIn
from tests.integrations.psa_scenario import GOOD, PsaScenario

SWAGGER = ROOT.parent / "shared" / "data" / "autotask-v1-subset.json"


def make(**options: Any) -> Client:
    return Client(credentials=GOOD, pause=lambda _: None, **options)


def test_every_page_is_read_by_post(autotask: AutotaskStandIn) -> None:
    with make() as client:
        companies = entities.companies_of_types(client, types=[1])
    assert len(companies) > 1000
    assert 0 in {company.id for company in companies}
    pages = [one for one in autotask.journal() if "query/next" in one["path"]]
    assert {one["method"] for one in pages} == {"POST"}


def test_the_client_follows_a_database_to_another_zone(autotask: AutotaskStandIn) -> None:
    with make() as client:
        entities.companies(client, ids=[0])
        autotask.settings(zone=7)
        assert entities.companies(client, ids=[0])[0].name == "Summit IT Partners"
        assert client.zone.name == "Zone 7"


def test_an_unknown_user_and_a_wrong_secret_are_different_errors(autotask: AutotaskStandIn) -> None:
    stranger = Credentials(user_name="x@y.example", integration_code="c", secret="s")
    with Client(credentials=stranger) as client, pytest.raises(UnknownUser):
        entities.companies(client, ids=[0])
    wrong = Credentials(user_name=GOOD.user_name, integration_code="c", secret="s")
    with Client(credentials=wrong) as client, pytest.raises(SignInRefused):
        entities.companies(client, ids=[0])


@pytest.mark.parametrize(
    "fault", ["drop_after", "reset_after", "bad_gateway_after", "truncated_json", "cut_body"]
)
def test_reads_are_tried_again(autotask: AutotaskStandIn, fault: str) -> None:
    autotask.fault(fault, path="Companies/query")
    with make() as client:
        assert len(entities.companies(client, ids=[0])) == 1


@pytest.mark.parametrize("fault", ["drop_after", "bad_gateway_after", "truncated_json"])
def test_writes_are_sent_once(autotask: AutotaskStandIn, fault: str) -> None:
    autotask.fault(fault, path="Tickets", times=None)
    with make() as client, pytest.raises((Unreachable, NotUnderstood)):
        client.write("POST", "Tickets", {"title": "x"})
    assert sum(one["path"].endswith("/Tickets") for one in autotask.journal()) == 1


def test_calls_slow_down_from_half_of_the_hourly_limit_and_stop_before_its_end(
    autotask: AutotaskStandIn,
) -> None:
    waits: list[float] = []
    autotask.settings(latencyAtHalf=0, latencyAtThreeQuarters=0)
    autotask.control("POST", "limits", {"requestsInTimeframe": 4_000})
    with Client(credentials=GOOD, pause=waits.append) as client:
        entities.companies(client, ids=[0])
        assert waits == []
    for used, expected in ((6_000, 1), (9_000, 2)):
        cache.delete(f"autotask:{GOOD.customer_database}:limit")
        autotask.control("POST", "limits", {"requestsInTimeframe": used})
        with Client(credentials=GOOD, pause=waits.append) as client:
            entities.companies(client, ids=[0])
        assert len(waits) == expected
    assert waits[0] < waits[1]
    cache.delete(f"autotask:{GOOD.customer_database}:limit")
    autotask.control("POST", "limits", {"requestsInTimeframe": 9_600})
    with Client(credentials=GOOD, pause=waits.append) as client, pytest.raises(BudgetSpent):
        entities.companies(client, ids=[0])


def test_a_sync_makes_at_most_two_calls_at_once(scenario: PsaScenario) -> None:
    for number in range(6):
        scenario.organization(50, number=number)
    scenario.stand_in.fault("slow_before", path="ServiceAdjustments", seconds=0.05, times=None)
    scenario.sync()
    peaks = scenario.stand_in.control("GET", "limits")["peakThreads"]
    assert max(peaks.values()) == 2


def test_the_limit_is_queried_once_for_all_threads(autotask: AutotaskStandIn) -> None:
    autotask.fault("slow_before", seconds=0.05, times=None)
    with make() as client, ThreadPoolExecutor(6) as pool:
        queries = [entities.companies, entities.contracts, entities.services] * 2
        for answer in [pool.submit(query, client, ids=[1]) for query in queries]:
            answer.result()
    limit_calls = [one for one in autotask.journal() if "ThresholdInformation" in one["path"]]
    assert len(limit_calls) == 1


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://webservices3.autotask.net/ATServicesRest/", True),
        ("https://webservices.autotask.net/", True),
        ("http://webservices3.autotask.net/", False),
        ("https://autotask.net.evil.example/", False),
        ("https://evilautotask.net/", False),
        ("https://webservices3.autotask.net:8443/", False),
        ("", False),
    ],
)
def test_secrets_go_to_autotask_only(settings: Any, url: str, expected: bool) -> None:
    settings.AUTOTASK_BASE_URL = "https://webservices.autotask.net/atservicesrest"
    assert is_autotasks(url) is expected


def test_rotation_encrypts_credentials_with_the_new_key(
    scenario: PsaScenario, settings: Any
) -> None:
    before = AutotaskConnection.objects.get().credentials
    assert GOOD.secret not in before
    settings.ENCRYPTION_KEYS = ["a new phrase", *settings.ENCRYPTION_KEYS]
    call_command("rotate_encryption_keys", verbosity=0)
    with provider_schema(scenario.provider):
        after = AutotaskConnection.objects.get().credentials
    settings.ENCRYPTION_KEYS = ["a new phrase"]
    assert Credentials.read(after) == GOOD
    with pytest.raises(SecretsUnreadable):
        Credentials.read(before)


def test_secrets_are_in_no_text() -> None:
    assert GOOD.secret not in repr(GOOD)
    assert GOOD.integration_code not in repr(GOOD)


@pytest.mark.skipif(
    not SWAGGER.exists(), reason="the Swagger description is not in this repository"
)
def test_requests_use_described_paths_and_properties(scenario: PsaScenario) -> None:
    described = json.loads(SWAGGER.read_text(encoding="utf-8"))
    paths = {re.sub(r"\{\w+\}", "#", path).lower() for path in described["paths"]}
    models = {
        name: {one.lower() for one in model["properties"]}
        for name, model in described["definitions"].items()
        if "properties" in model
    }
    scenario.organization(31)
    scenario.sync()
    for entry in scenario.stand_in.journal():
        path = re.sub(r"/zone\d+/atservicesrest", "", entry["path"].lower())
        path = re.sub(r"/\d+(?=/|$)", "/#", path)
        if "zoneinformation" in path:
            continue
        assert path in paths, path
        if path.endswith("/query"):
            assert {one.lower() for one in entry["body"]} <= models["QueryModel"]
        elif entry["method"] == "POST":
            sent = {one.lower() for one in entry["body"]}
            assert sent <= models["ContractServiceAdjustmentModel"]
