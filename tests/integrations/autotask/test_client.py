"""The client: zone, pages, limits, retries of reads only, secrets, the described properties."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command

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
from integrations.encryption import SecretsUnreadable
from integrations.models import AutotaskConnection
from tests.autotask_fixtures import ROOT, AutotaskStandIn
from tests.integrations.autotask_stage import GOOD, Stage

SWAGGER = ROOT.parent / "shared" / "data" / "autotask-v1-subset.json"


def make(**options: Any) -> Client:
    return Client(credentials=GOOD, pause=lambda _: None, **options)


def test_every_page_is_read_by_post(autotask: AutotaskStandIn) -> None:
    with make() as client:
        found = entities.companies_of_types(client, types=[1])
    assert len(found) > 1000
    assert 0 in {company.id for company in found}
    pages = [one for one in autotask.journal() if "query/next" in one["path"]]
    assert {one["method"] for one in pages} == {"POST"}


def test_a_database_that_moved_is_found_again(autotask: AutotaskStandIn) -> None:
    with make() as client:
        entities.companies(client, ids=[0])
        autotask.settings(zone=7)
        assert entities.companies(client, ids=[0])[0].name == "Summit IT Partners"
        assert client.zone.name == "Zone 7"


def test_unknown_user_and_wrong_secret_are_told_apart(autotask: AutotaskStandIn) -> None:
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


def test_half_of_the_hour_slows_down_and_its_end_stops(autotask: AutotaskStandIn) -> None:
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


def test_never_more_than_two_at_once(stage: Stage) -> None:
    for number in range(6):
        stage.organization(50, number=number)
    stage.stand_in.fault("slow_before", path="ServiceAdjustments", seconds=0.05, times=None)
    stage.sync()
    peaks = stage.stand_in.control("GET", "limits")["peakThreads"]
    assert max(peaks.values()) == 2


def test_the_limit_is_asked_for_once_whoever_begins(autotask: AutotaskStandIn) -> None:
    autotask.fault("slow_before", seconds=0.05, times=None)
    with make() as client, ThreadPoolExecutor(6) as pool:
        ask = [entities.companies, entities.contracts, entities.services] * 2
        for answer in [pool.submit(one, client, ids=[1]) for one in ask]:
            answer.result()
    asked = [one for one in autotask.journal() if "ThresholdInformation" in one["path"]]
    assert len(asked) == 1


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


def test_keys_are_rotated(stage: Stage, settings: Any) -> None:
    before = AutotaskConnection.objects.get().credentials
    assert GOOD.secret not in before
    settings.ENCRYPTION_KEYS = ["a new phrase", *settings.ENCRYPTION_KEYS]
    call_command("rotate_encryption_keys", verbosity=0)
    with provider_schema(stage.provider):
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
def test_requests_use_described_paths_and_properties(stage: Stage) -> None:
    described = json.loads(SWAGGER.read_text(encoding="utf-8"))
    paths = {re.sub(r"\{\w+\}", "#", path).lower() for path in described["paths"]}
    models = {
        name: {one.lower() for one in model["properties"]}
        for name, model in described["definitions"].items()
        if "properties" in model
    }
    stage.organization(31)
    stage.sync()
    for entry in stage.stand_in.journal():
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
