"""A night's sync of many mapped services with calls of 200 ms, against the calls two at a time.

Also measures the calls per service in a run that changes all services, and in one without changes.
"""

from datetime import UTC, date, datetime
from typing import Any

import httpx
from django.core.cache import cache
from django.test import override_settings

from core.actors import Actor
from core.schema import provider_schema, schema_named
from integrations.autotask.sync.runs import request_run, run_slice
from integrations.models import ServiceMapping, SyncRun
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tests.autotask_fixtures import (
    HEADERS,
    AutotaskStandIn,
    start_autotask_stand_in,
    stop_autotask_stand_in,
)
from tests.benchmarks.result import Result
from tests.integrations.psa_scenario import GOOD, PsaScenario
from tests.providers import open_provider

SERVICES, FULL_SERVICES = 100, 1000
CALL_SECONDS = 0.2
AT_ONCE = 2
LIMIT = 1.3
MOST_CALLS_CHANGED, MOST_CALLS_UNCHANGED = 3, 1
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
FIRST_CONTRACT = 50_000


def run(*, full: bool) -> list[Result]:
    """Run the sync twice: the first run changes every service, the second none."""
    services = FULL_SERVICES if full else SERVICES
    process, url = start_autotask_stand_in()
    try:
        with (
            override_settings(AUTOTASK_BASE_URL=f"{url}/atservicesrest"),
            httpx.Client(
                base_url=f"{url}/zone3/ATServicesRest/V1.0/", headers=HEADERS, timeout=60
            ) as api,
        ):
            stand_in = AutotaskStandIn(url=url, api=api)
            schema = _fill(stand_in, services)
            stand_in.fault("slow_before", seconds=CALL_SECONDS, times=None)
            with schema_named(schema):
                changed, unchanged = _night(services, "changed"), _night(services, "unchanged")
    finally:
        stop_autotask_stand_in(process)
    return [
        *_results("psa_sync_changed", changed, services, MOST_CALLS_CHANGED),
        *_results("psa_sync_unchanged", unchanged, services, MOST_CALLS_UNCHANGED),
    ]


def _results(name: str, run: SyncRun, services: int, most_calls: int) -> list[Result]:
    floor = run.calls / AT_ONCE * CALL_SECONDS
    return [
        Result(name, run.worked_ms / 1000, floor, "s", LIMIT),
        Result(f"{name}_calls", run.calls / services, most_calls, " a service", 1.0),
    ]


def _night(services: int, outcome: str) -> SyncRun:
    for name in ("used", "limit"):
        cache.delete(f"autotask:{GOOD.customer_database}:{name}")
    run = request_run(kind=SyncRun.Kind.MANUAL, actor=Actor(id=1, name="Benchmark"), now=NOW)
    while run_slice(run_id=run.pk, now=NOW) is not None:
        pass
    run.refresh_from_db()
    done = run.checks.filter(outcome=outcome).count()
    if done != services:
        raise AssertionError(f"{done} of {services} services were {outcome}. {run.failure}")
    return run


def _fill(stand_in: AutotaskStandIn, services: int) -> str:
    provider = open_provider(canary="Bench", prefix="PSA")
    with provider_schema(provider):
        MeteringPolicy.objects.update(free_user_limit=None)
        stage = PsaScenario(provider=provider, stand_in=stand_in, now=NOW)
        stage.contract()
        stage.connect()
        organizations = Organization.objects.bulk_create(
            Organization(name=f"Organization {n}", created_at=datetime(2026, 1, 5, tzinfo=UTC))
            for n in range(services)
        )
        ManagedUser.objects.bulk_create(
            ManagedUser(
                organization=organization,
                email=f"u{n}@bench.example",
                added_at=datetime(2026, 2, 5, tzinfo=UTC),
            )
            for organization in organizations
            for n in range(3)
        )
        ServiceMapping.objects.bulk_create(
            _mapping(organization, _add_line(stand_in, number), number)
            for number, organization in enumerate(organizations)
        )
    return provider.schema_name


def _add_line(stand_in: AutotaskStandIn, number: int) -> int:
    contract: dict[str, Any] = {
        "id": FIRST_CONTRACT + number,
        "companyID": 29_683_500,
        "contractName": f"Contract {number}",
        "contractType": 7,
        "status": 1,
        "startDate": "2026-01-01T00:00:00Z",
        "endDate": "2026-06-30T00:00:00Z",
    }
    stand_in.control("POST", "rows/Contracts", contract)
    line = {"contractID": contract["id"], "serviceID": 41, "units": 1}
    return int(stand_in.control("POST", "rows/ContractServices", line)["id"])


def _mapping(organization: Organization, line_id: int, number: int) -> ServiceMapping:
    return ServiceMapping(
        organization=organization,
        company_id=29_683_500,
        company_name="Alder & Finch Architects",
        contract_id=FIRST_CONTRACT + number,
        contract_name=f"Contract {number}",
        service_id=41,
        service_name="Email Security",
        contract_service_id=line_id,
        first_month=date(2026, 3, 1),
        created_at=NOW,
        created_by_name="Benchmark",
    )
