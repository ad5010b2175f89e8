"""The demo's PSA: connects to the local stand-in, maps, syncs, and leaves one drift to decide.

The stand-in has a separate customer database, which is changed through the product's calls only.
"""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from accounts.models import Provider
from core.actors import Actor
from core.months import Month
from core.outbox.delivery import deliver_due
from integrations.autotask.api import entities
from integrations.autotask.api.client import Client
from integrations.autotask.api.credentials import Credentials
from integrations.autotask.api.errors import AutotaskError
from integrations.autotask.api.picklists import labelled, picklists
from integrations.autotask.api.zones import discover
from integrations.autotask.connection import choose_company_types, connect, open_client
from integrations.autotask.mapping.suggestions import Names
from integrations.autotask.sync.runs import request_run
from integrations.models import AutotaskConnection, ServiceMapping, SyncRun
from mtp.demo.companies import DEMO, DemoProvider
from tenants.models import Organization

# Credentials that the stand-in accepts (docs/autotask-sandbox.md).
CREDENTIALS = Credentials(
    user_name="api@autotask.example",
    integration_code="MTPDEMOINTEGRATIONCODE",
    secret="autotask-demo-secret",  # noqa: S106 - opens only a stand-in on this machine
)
SERVICE = "Email Security"
CUSTOMER = 1
# After the first sync, an edit by hand changes this mapping's contract by so many units.
EDITED_MAPPING, EDITED_UNITS = 6, -4


def connect_autotask(
    plan: DemoProvider, provider: Provider, *, now: datetime, report: Callable[[str], None]
) -> None:
    """Connect, map the organizations with equal names, and sync twice; in the provider's schema.

    Does nothing unless the settings name a stand-in on this machine and it answers.
    """
    if plan is not DEMO or not _has_stand_in():
        return
    actor = Actor(id=None, name=plan.contact.name)
    try:
        connection = connect(credentials=CREDENTIALS, actor=actor, now=now)
        with open_client(connection) as client:
            choose_company_types(client=client, types=[CUSTOMER], actor=actor, now=now)
            mapped = _map(client, month=Month.of(now, plan.zone), actor=actor, now=now)
            _sync(provider, actor=actor, now=now)
            _edit(client, mapped[EDITED_MAPPING])
            _make_tickets(client)
        _sync(provider, actor=actor, now=now)
    except AutotaskError as error:
        report(f"  Autotask was left out: {error}")
    else:
        report(f"  Autotask connected: {len(mapped)} organizations mapped")


def _has_stand_in() -> bool:
    if urlsplit(settings.AUTOTASK_BASE_URL).hostname != "127.0.0.1":
        return False
    try:
        with httpx.Client() as http:
            discover(http=http, user_name=CREDENTIALS.user_name)
    except (AutotaskError, httpx.HTTPError):
        return False
    return True


def _map(client: Client, *, month: Month, actor: Actor, now: datetime) -> list[ServiceMapping]:
    """Map every organization whose name equals a company's, apart from punctuation.

    Takes three calls for all. Organizations with other names stay unmapped.
    """
    names = Names(entities.companies_of_types(client, types=[CUSTOMER]))
    companies = {}
    for organization in Organization.objects.living().order_by("pk"):
        best = next(iter(names.suggestions(organization.name)), None)
        if best is not None and best.is_same:
            companies[best.company] = organization
    contracts = entities.contracts(client, company_ids=[company.id for company in companies])
    lines = entities.lines(client, contract_ids=contracts)
    services = entities.services(client, ids={line.service_id for line in lines.values()})
    pairs = {pair[0].id: pair for pair in companies.items()}
    mappings = []
    for line in lines.values():
        contract = contracts[line.contract_id]
        is_open = contract.is_recurring and contract.is_active
        if not is_open or services[line.service_id].name != SERVICE:
            continue
        company, organization = pairs[contract.company_id]
        mappings.append(
            ServiceMapping(
                organization=organization,
                company_id=company.id,
                company_name=company.name,
                contract_id=contract.id,
                contract_name=contract.name,
                service_id=line.service_id,
                service_name=SERVICE,
                contract_service_id=line.id,
                first_month=month.first_day,
                created_at=now,
                created_by_name=actor.name,
            )
        )
    return ServiceMapping.objects.bulk_create(mappings)


def _sync(provider: Provider, *, actor: Actor, now: datetime) -> None:
    request_run(kind=SyncRun.Kind.MANUAL, actor=actor, now=now)
    while deliver_due(now=now, schema=provider.schema_name):
        pass


def _edit(client: Client, mapping: ServiceMapping) -> None:
    """Change the contract as a person at the service desk would, on the month's second day."""
    body = {
        "contractServiceID": mapping.contract_service_id,
        "effectiveDate": mapping.first_month.replace(day=2),
        "unitChange": EDITED_UNITS,
    }
    client.write("POST", f"Contracts/{mapping.contract_id}/ServiceAdjustments", body)


def _make_tickets(client: Client) -> None:
    choices = picklists(client, entity="Tickets")

    def value(name: str, label: str) -> int | None:
        return labelled(choices[name], label)

    AutotaskConnection.objects.filter(pk=1).update(
        creates_tickets=True,
        ticket_queue_id=value("queueID", "Monitoring Alerts"),
        ticket_status=value("status", "New"),
        ticket_resolved_status=value("status", "Complete"),
        ticket_priority=value("priority", "Medium"),
        ticket_source=value("source", "Monitoring Alert"),
    )
