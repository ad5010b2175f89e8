"""Service mappings: offered, checked against Autotask, confirmed by a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.providers import current_provider
from core.actors import Actor
from core.months import Month
from core.servers import with_directory
from integrations.autotask import claims
from integrations.autotask.api import entities
from integrations.autotask.api.client import Client
from integrations.autotask.api.entities import Company, Contract, Line, Service
from integrations.models import AutotaskConnection, Drift, ServiceMapping
from tenants import audit
from tenants.models import Organization

LONGEST_NAME = 100
LARGEST_NON_BILLABLE = 100_000


class MappingRefused(Exception):
    """The organization can't be mapped; the message gives the reason and the remedy."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A service that an organization can be mapped to."""

    contract: Contract
    line: Line
    service: Service


@dataclass(frozen=True, slots=True)
class Progress:
    """The number of mapped organizations, of all living ones."""

    mapped: int
    total: int


def progress() -> Progress:
    """The progress of the mapping."""
    living = Organization.objects.living()
    mapped = ServiceMapping.objects.living().filter(organization__removed_at=None)
    return Progress(mapped=mapped.count(), total=living.count())


def offers_of(*, client: Client, company_id: int, now: datetime) -> list[Offer]:
    """The services on the company's active Recurring Service contracts that have not ended.

    Raises `AutotaskError`.
    """
    today = now.astimezone(current_provider().billing_zone()).date()
    contracts = {
        contract.id: contract
        for contract in entities.contracts(client, company_ids=[company_id]).values()
        if contract.is_recurring and contract.is_active and contract.ends_on >= today
    }
    if not contracts:
        return []
    lines = entities.lines(client, contract_ids=contracts)
    services = entities.services(client, ids={line.service_id for line in lines.values()})
    offers = [
        Offer(contracts[line.contract_id], line, services[line.service_id])
        for line in lines.values()
        if line.contract_id in contracts and line.service_id in services
    ]
    return sorted(offers, key=lambda one: (one.contract.name, one.service.name, one.line.id))


def present_units(*, client: Client, offers: Sequence[Offer], now: datetime) -> dict[int, int]:
    """The units of today by id of the contract service, where Autotask has a number.

    Another organization or provider may keep them: the page shows them before the sync sets
    others. Raises `AutotaskError`.
    """
    today = now.astimezone(current_provider().billing_zone()).date()
    lines = [offer.line for offer in offers]
    rows = entities.unit_rows(client, lines=lines, first=today, last=today)
    return {line_id: of_line[-1].units for line_id, of_line in rows.items() if of_line}


def confirm(
    *,
    client: Client,
    organization: Organization,
    company_id: int,
    contract_service_id: int,
    non_billable_users: int,
    actor: Actor,
    now: datetime,
) -> ServiceMapping:
    """Map the organization as a person confirmed it, after checking all of it in Autotask again.

    Replaces its current mapping. Raises `MappingRefused`, `AutotaskError`; nothing is saved then.
    """
    if not 0 <= non_billable_users <= LARGEST_NON_BILLABLE:
        raise MappingRefused(f"Non-billable users are a number from 0 to {LARGEST_NON_BILLABLE:,}.")
    company = _checked_company(client, company_id)
    offers = offers_of(client=client, company_id=company_id, now=now)
    offer = next((one for one in offers if one.line.id == contract_service_id), None)
    if offer is None:
        raise MappingRefused(
            f"{company.name} has no such service on an active Recurring Service contract. "
            "Choose one of those offered."
        )
    _check_length("contract", offer.contract.name)
    _check_length("service", offer.service.name)
    return _save(
        organization,
        company,
        offer,
        non_billable_users,
        database=claims.database_of(client),
        actor=actor,
        now=now,
    )


@with_directory()
def _save(
    organization: Organization,
    company: Company,
    offer: Offer,
    non_billable_users: int,
    *,
    database: str,
    actor: Actor,
    now: datetime,
) -> ServiceMapping:
    living = (
        Organization.objects.select_for_update(no_key=True)
        .living()
        .filter(pk=organization.pk)
        .first()
    )
    if living is None:
        raise MappingRefused(f"{organization.name} was removed meanwhile.")
    remove(organization=organization, actor=actor, now=now)
    if claims.claim(database=database, services=[offer.line.id], now=now):
        raise MappingRefused(claims.TAKEN)
    try:
        with transaction.atomic():
            mapping = ServiceMapping.objects.create(
                organization=living,
                company_id=company.id,
                company_name=company.name,
                contract_id=offer.contract.id,
                contract_name=offer.contract.name,
                service_id=offer.service.id,
                service_name=offer.service.name,
                contract_service_id=offer.line.id,
                non_billable_users=non_billable_users,
                first_month=Month.of(now, current_provider().billing_zone()).first_day,
                created_at=now,
                created_by_name=actor.name,
            )
    except IntegrityError:
        raise MappingRefused(_taken_text(offer)) from None
    audit.record(
        actor=actor,
        action="autotask.mapped",
        subject=mapping.service_path,
        organization=living,
        after={"contract_service_id": offer.line.id, "non_billable_users": non_billable_users},
        now=now,
    )
    return mapping


@with_directory()
def remove(*, organization: Organization, actor: Actor, now: datetime) -> None:
    """Stop syncing the organization. Autotask keeps its units. Does nothing without a mapping."""
    mapping = ServiceMapping.objects.living().filter(organization=organization).first()
    if mapping is None:
        return
    mapping.removed_at, mapping.removed_by_name = now, actor.name
    mapping.save(update_fields=["removed_at", "removed_by_name"])
    claims.release(services=[mapping.contract_service_id])
    Drift.objects.filter(mapping=mapping, decided_at=None).update(
        decided_at=now, decision=Drift.Decision.GONE, decided_by_name=actor.name
    )
    audit.record(
        actor=actor,
        action="autotask.unmapped",
        subject=mapping.service_path,
        organization=organization,
        now=now,
    )


def _checked_company(client: Client, company_id: int) -> Company:
    company = entities.companies(client, ids=[company_id]).get(company_id)
    if company is None:
        raise MappingRefused("Autotask has no such company.")
    _check_length("company", company.name)
    if not company.is_active:
        raise MappingRefused(f"{company.name} is inactive in Autotask.")
    settings = AutotaskConnection.objects.get(pk=1)
    if company.type not in settings.company_types:
        raise MappingRefused(f"{company.name} is of a company type that you have not chosen.")
    return company


def _check_length(noun: str, name: str) -> None:
    if len(name) > LONGEST_NAME:
        raise MappingRefused(
            f"Autotask's name of this {noun} has {len(name):,} characters: “{name[:40]}…”. "
            f"Shorten it there to {LONGEST_NAME} or fewer."
        )


def _taken_text(offer: Offer) -> str:
    other = ServiceMapping.objects.living().filter(contract_service_id=offer.line.id).first()
    name = other.organization.name if other else "Another organization"
    return f"{name} is mapped to “{offer.service.name}” on “{offer.contract.name}” already."
