"""A provider's connection to Autotask: connect, check, pause, resume, disconnect."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from core.actors import Actor
from core.servers import with_directory
from integrations.autotask import claims
from integrations.autotask.api.client import Client
from integrations.autotask.api.credentials import Credentials
from integrations.autotask.api.entities import condition
from integrations.autotask.api.errors import NotUnderstood, PermissionMissing
from integrations.autotask.api.picklists import Choice, picklists
from integrations.autotask.api.zones import Zone
from integrations.choices import DatePolicy
from integrations.models import AutotaskConnection
from tenants import audit

# Entities that the integration reads, and the right that the API user's security level needs.
NEEDED = {
    "Companies": "Companies: View All",
    "Contracts": "Contracts: View All, with full visibility",
    "ContractServices": "Contracts: View All, with full visibility",
    "ContractServiceUnits": "Contracts: View All, with full visibility",
    "Services": "Contracts: View All, with full visibility",
    "Tickets": "Tickets: View",
}
COST_FIELDS = {
    "ContractServiceUnits": "cost",
    "ContractServices": "unitCost",
    "Services": "unitCost",
}


class NotConnected(Exception):
    """There are no credentials."""


def open_client(settings: AutotaskConnection) -> Client:
    """A client of the connection, in the zone that answered last. Raises `SecretsUnreadable`."""
    zone = Zone(name=settings.zone_name, api_url=settings.zone_url, web_url=settings.web_url)
    return Client(
        credentials=Credentials.read(settings.credentials), zone=zone if zone.api_url else None
    )


def current_client() -> Client:
    """A client of the current provider's connection. Raises `NotConnected`, `SecretsUnreadable`."""
    settings = AutotaskConnection.objects.current()
    if settings is None or not settings.is_connected:
        raise NotConnected("Autotask is not connected.")
    return open_client(settings)


def connect(*, credentials: Credentials, actor: Actor, now: datetime) -> AutotaskConnection:
    """Store credentials, new or changed, after reading with them from the user's own zone.

    Mappings and history stay; the next sync checks each mapping as the new user. Raises
    `AutotaskError` with the reason, and stores nothing then. The connection's `costs_readable` says
    whether the API user can read costs.
    """
    with Client(credentials=credentials) as client:
        costs_readable = check_permissions(client)
        zone = client.zone
    with transaction.atomic():
        settings, is_new = AutotaskConnection.objects.select_for_update().get_or_create(pk=1)
        settings.credentials = credentials.encrypted()
        settings.zone_url, settings.zone_name = zone.api_url, zone.name
        settings.web_url = zone.web_url
        settings.connected_at, settings.connected_by_name = now, actor.name
        settings.costs_readable, settings.problem = costs_readable, ""
        settings.save()
        audit.record(
            actor=actor,
            action="autotask.connected" if is_new else "autotask.credentials_changed",
            subject=f"{credentials.user_name}, {zone.name}",
            now=now,
        )
    return settings


def check_permissions(client: Client) -> bool | None:
    """Read a row of each needed entity. Returns whether costs can be read, None if no row shows.

    Raises `AutotaskError`; `PermissionMissing` names the missing right.
    """
    costs: list[Any] = []
    for entity, right in NEEDED.items():
        try:
            body = {"MaxRecords": 1, "Filter": [condition("id", "gte", 0)]}
            items = client.read("POST", f"{entity}/query", body).get("items")
        except PermissionMissing as error:
            raise PermissionMissing(
                f"The API user may not read {entity}. Its security level needs “{right}”."
            ) from error
        if not isinstance(items, list):
            raise NotUnderstood(f"Autotask's list of {entity} is not one.")
        if items and entity in COST_FIELDS:
            costs.append(items[0].get(COST_FIELDS[entity]))
    return any(cost is not None for cost in costs) if costs else None


@transaction.atomic
def pause(*, actor: Actor, now: datetime) -> None:
    """Pause the sync: no run changes anything until it is resumed. Raises `NotConnected`."""
    settings = _locked()
    if settings.paused_at is None:
        settings.paused_at, settings.paused_by_name = now, actor.name
        settings.save(update_fields=["paused_at", "paused_by_name"])
        audit.record(actor=actor, action="autotask.paused", subject=str(settings), now=now)


@transaction.atomic
def resume(*, actor: Actor, now: datetime) -> None:
    """Resume the sync from the next nightly run on. Raises `NotConnected`."""
    settings = _locked()
    if settings.paused_at is not None:
        settings.paused_at, settings.paused_by_name = None, ""
        settings.save(update_fields=["paused_at", "paused_by_name"])
        audit.record(actor=actor, action="autotask.resumed", subject=str(settings), now=now)


@with_directory()
def disconnect(*, actor: Actor, now: datetime) -> None:
    """Delete the credentials. Mappings, settings and history stay. Raises `NotConnected`.

    Another provider may map the services meanwhile: the first sync after connecting again says so.
    """
    settings = _locked()
    if settings.is_connected:
        audit.record(actor=actor, action="autotask.disconnected", subject=str(settings), now=now)
        settings.credentials, settings.problem = "", ""
        settings.zone_url = settings.zone_name = settings.web_url = ""
        settings.save()
        claims.release()


class TypeUnknown(Exception):
    """A company type that Autotask does not have."""


def choose_company_types(
    *, client: Client, types: Sequence[int], actor: Actor, now: datetime
) -> None:
    """Set the types of companies that are offered for mapping.

    Raises `TypeUnknown`, `AutotaskError`, `NotConnected`.
    """
    existing = {choice.value for choice in company_types(client)}
    if not types or not set(types) <= existing:
        raise TypeUnknown("Choose at least one of the company types that Autotask has.")
    with transaction.atomic():
        settings = _locked()
        before, settings.company_types = settings.company_types, sorted(set(types))
        settings.save(update_fields=["company_types"])
        audit.record(
            actor=actor,
            action="autotask.company_types_chosen",
            subject=str(settings),
            before={"company_types": before},
            after={"company_types": settings.company_types},
            now=now,
        )


def company_types(client: Client) -> list[Choice]:
    """The customer's company types. Raises `AutotaskError`."""
    return picklists(client, entity="Companies").get("companyType", [])


@transaction.atomic
def set_date_policy(*, policy: DatePolicy, actor: Actor, now: datetime) -> None:
    """Set the effective date of changed quantities, from the next run on. Raises `NotConnected`."""
    settings = _locked()
    before, settings.date_policy = settings.date_policy, policy
    settings.save(update_fields=["date_policy"])
    audit.record(
        actor=actor,
        action="autotask.date_policy_changed",
        subject=str(settings),
        before={"date_policy": before},
        after={"date_policy": policy},
        now=now,
    )


def _locked() -> AutotaskConnection:
    """The connection, locked for a change. Raises `NotConnected` before the first one."""
    settings = AutotaskConnection.objects.select_for_update().filter(pk=1).first()
    if settings is None:
        raise NotConnected("Autotask is not connected.")
    return settings
