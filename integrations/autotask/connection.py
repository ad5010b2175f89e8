"""A provider's connection: made, looked at, paused, resumed and ended."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from core.actors import Actor
from integrations.autotask.api.client import Client
from integrations.autotask.api.credentials import Credentials
from integrations.autotask.api.entities import condition
from integrations.autotask.api.errors import NotUnderstood, PermissionMissing
from integrations.autotask.api.picklists import Choice, picklists
from integrations.autotask.api.wire import Row
from integrations.autotask.api.zones import Zone
from integrations.choices import DatePolicy
from integrations.models import AutotaskConnection
from tenants import audit

# What the integration reads, and the right that the API user's security level needs for it.
NEEDED = {
    "Companies": "Companies: View All",
    "Contracts": "Contracts: View All, with full visibility",
    "ContractServices": "Contracts: View All, with full visibility",
    "ContractServiceUnits": "Contracts: View All, with full visibility",
    "Services": "Contracts: View All, with full visibility",
    "Tickets": "Tickets: View",
}


class NotConnected(Exception):
    """There are no credentials."""


def open_client(settings: AutotaskConnection) -> Client:
    """A client of the connection, in the zone that answered last.

    Raises `SecretsUnreadable` where the settings' keys don't open what is stored.
    """
    zone = Zone(name=settings.zone_name, api_url=settings.zone_url, web_url=settings.web_url)
    return Client(
        credentials=Credentials.read(settings.credentials), zone=zone if zone.api_url else None
    )


def current_client() -> Client:
    """A client of the current provider's connection. Raises `NotConnected`, `SecretsUnreadable`."""
    settings = AutotaskConnection.objects.filter(pk=1).first()
    if settings is None or not settings.is_connected:
        raise NotConnected("Autotask is not connected.")
    return open_client(settings)


def connect(*, credentials: Credentials, actor: Actor, now: datetime) -> AutotaskConnection:
    """Keep credentials that work, after trying them against the user's own zone.

    Also for changing them; mapping and history stay, and each mapping is checked against what the
    new user sees when it is synced next. Raises `AutotaskError` that says what is wrong; nothing is
    kept then. `costs_readable` says whether costs can be read back.
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
    """Read one row of everything that is needed; whether costs can be read, None if nothing tells.

    Raises `AutotaskError`; `PermissionMissing` names the right that the API user lacks.
    """
    costs: list[Any] = []
    for entity, right in NEEDED.items():
        try:
            row = _any_row(client, entity)
        except PermissionMissing as error:
            raise PermissionMissing(
                f"The API user may not read {entity}. Its security level needs “{right}”."
            ) from error
        if row is not None and entity == "ContractServiceUnits":
            costs.append(row.get("cost"))
        if row is not None and entity in {"ContractServices", "Services"}:
            costs.append(row.get("unitCost"))
    return any(cost is not None for cost in costs) if costs else None


def _any_row(client: Client, entity: str) -> Row | None:
    body = {"MaxRecords": 1, "Filter": [condition("id", "gte", 0)]}
    items = client.read("POST", f"{entity}/query", body).get("items")
    if not isinstance(items, list):
        raise NotUnderstood(f"Autotask's list of {entity} is not one.")
    return items[0] if items else None


@transaction.atomic
def pause(*, actor: Actor, now: datetime) -> None:
    """No run changes anything until it is resumed. Does nothing to a paused one."""
    settings = _locked()
    if settings.paused_at is None:
        settings.paused_at, settings.paused_by_name = now, actor.name
        settings.save(update_fields=["paused_at", "paused_by_name"])
        audit.record(actor=actor, action="autotask.paused", subject=str(settings), now=now)


@transaction.atomic
def resume(*, actor: Actor, now: datetime) -> None:
    """The next night's run takes place again. Does nothing to one that is not paused."""
    settings = _locked()
    if settings.paused_at is not None:
        settings.paused_at, settings.paused_by_name = None, ""
        settings.save(update_fields=["paused_at", "paused_by_name"])
        audit.record(actor=actor, action="autotask.resumed", subject=str(settings), now=now)


@transaction.atomic
def disconnect(*, actor: Actor, now: datetime) -> None:
    """Forget the credentials. Mapping, settings and history stay for whoever connects again."""
    settings = _locked()
    if settings.is_connected:
        audit.record(actor=actor, action="autotask.disconnected", subject=str(settings), now=now)
        settings.credentials, settings.problem = "", ""
        settings.zone_url = settings.zone_name = settings.web_url = ""
        settings.save()


class TypeUnknown(Exception):
    """A company type that Autotask does not have (any more)."""


def choose_company_types(
    *, client: Client, types: Sequence[int], actor: Actor, now: datetime
) -> None:
    """Which companies are offered for mapping. Raises `TypeUnknown`, `AutotaskError`."""
    known = {choice.value for choice in company_types(client)}
    if not types or not set(types) <= known:
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
    """From which day changed quantities count, from the next run on."""
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
    """The connection for a change. Raises `NotConnected` where there never was one."""
    settings = AutotaskConnection.objects.select_for_update().filter(pk=1).first()
    if settings is None:
        raise NotConnected("Autotask is not connected.")
    return settings
