"""Tickets: one for each alert, found by its external id, updated when the alert is resolved.

The outbox message for a ticket commits with its alert. Autotask accepts a second ticket with the
same external id (docs/facts/autotask.md, Entities), so every creation, also after an unknown
outcome, first looks the external id up.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.conf import settings as portal
from django.db import transaction

from core.encryption import SecretsUnreadable
from core.outbox.delivery import NewMessage, enqueue_all
from core.outbox.lanes import Lane
from core.outbox.topics import Payload, Postpone, handler
from core.schema import current_schema
from integrations.autotask.api.client import Client
from integrations.autotask.api.entities import condition
from integrations.autotask.api.errors import AutotaskError, Busy, Refused, Unreachable
from integrations.autotask.api.wire import Row, number, optional_number, text
from integrations.autotask.connection import open_client
from integrations.autotask.sync.push_outcomes import RETRY_AFTER
from integrations.models import AlertTicket, AutotaskConnection, ServiceMapping
from tenants.alerts.subscribers import CHANGED_TOPIC
from tenants.models import Alert

OPEN_TOPIC: Final = "integrations.ticket_open"
RESOLVE_TOPIC: Final = "integrations.ticket_resolve"
# The MSP's own company, for alerts without an organization, or with one that is not mapped.
OWN_COMPANY = 0
LONGEST_TITLE = 255
LONGEST_DESCRIPTION = 8000
RETRY_AFTER_REFUSAL = timedelta(hours=6)


@handler(CHANGED_TOPIC)
@transaction.atomic
def ticket_alerts(payload: Payload, now: datetime) -> None:
    """Enqueue the tickets of opened alerts, and the updates of the tickets of resolved ones."""
    if payload["opened"] and _ticketing() is not None:
        _enqueue_opening(
            list(Alert.objects.filter(pk__in=payload["opened"]).order_by("pk")), now=now
        )
    if payload["resolved"]:
        tickets = AlertTicket.objects.filter(alert_id__in=payload["resolved"])
        _enqueue(RESOLVE_TOPIC, tickets, now=now)


def ticket_open_alerts(*, now: datetime) -> None:
    """Enqueue a ticket for every open alert without one, after tickets were switched on."""
    if _ticketing() is not None:
        with_ticket = AlertTicket.objects.exclude(ticket_id=None).values("alert_id")
        _enqueue_opening(list(Alert.objects.open().exclude(pk__in=with_ticket)), now=now)


def external_id_of(alert: Alert) -> str:
    """The alert's key in Autotask: 44 characters, always the same for an alert of a schema."""
    source = f"{current_schema()}:{alert.pk}:{alert.cause}"
    return f"mtp-{hashlib.sha256(source.encode()).hexdigest()[:40]}"


def creates_tickets() -> bool:
    """Whether the current provider has tickets made of its alerts."""
    return _ticketing() is not None


def _ticketing() -> AutotaskConnection | None:
    """The connection if it creates tickets."""
    connected = AutotaskConnection.objects.filter(pk=1, creates_tickets=True).first()
    return connected if connected and connected.is_connected else None


def _enqueue_opening(alerts: Sequence[Alert], *, now: datetime) -> None:
    companies = dict(
        ServiceMapping.objects.living()
        .filter(organization__in=[alert.organization_id for alert in alerts])
        .values_list("organization", "company_id")
    )
    AlertTicket.objects.bulk_create(
        (
            AlertTicket(
                alert_id=alert.pk,
                external_id=external_id_of(alert),
                organization_id=alert.organization_id,
                company_id=companies.get(alert.organization_id or 0, OWN_COMPANY),
                created_at=now,
            )
            for alert in alerts
        ),
        ignore_conflicts=True,
    )
    ids = [alert.pk for alert in alerts]
    _enqueue(OPEN_TOPIC, AlertTicket.objects.filter(alert_id__in=ids, ticket_id=None), now=now)


def _enqueue(topic: str, tickets: Iterable[AlertTicket], *, now: datetime) -> None:
    messages = [
        NewMessage(topic, key=f"{ticket.pk}:{now.isoformat()}", payload={"ticket": ticket.pk})
        for ticket in tickets
    ]
    enqueue_all(messages=messages, now=now)


@handler(OPEN_TOPIC, lane=Lane.PSA)
def open_ticket(payload: Payload, now: datetime) -> None:
    """Create the alert's ticket, unless it exists or the alert is resolved. Raises `Postpone`."""
    ticket = AlertTicket.objects.get(pk=payload["ticket"])
    alert, connected = Alert.objects.get(pk=ticket.alert_id), _ticketing()
    if ticket.ticket_id is not None or alert.resolved_at is not None or connected is None:
        return
    with _client(ticket, connected, now=now) as client:
        row = _look_up(client, ticket)
        if row is None:
            client.write("POST", "Tickets", _new(ticket, alert, connected, now=now))
            row = _look_up(client, ticket)
        if row is None:
            raise Unreachable("Autotask took the ticket and does not show it yet.")
    ticket.ticket_id, ticket.ticket_number = number(row, "id"), text(row, "ticketNumber")
    ticket.opened_at, ticket.problem = now, ""
    ticket.save(update_fields=["ticket_id", "ticket_number", "opened_at", "problem"])
    if Alert.objects.filter(pk=ticket.alert_id, resolved_at__isnull=False).exists():
        # The alert was resolved during the call, and `resolve_ticket` may have seen no ticket.
        AlertTicket.objects.filter(pk=ticket.pk).update(resolved_at=None)
        _enqueue(RESOLVE_TOPIC, [ticket], now=now)


@handler(RESOLVE_TOPIC, lane=Lane.PSA)
def resolve_ticket(payload: Payload, now: datetime) -> None:
    """Write the resolution to the alert's ticket, if Autotask has one. Raises `Postpone`.

    Doing it twice changes nothing.
    """
    ticket = AlertTicket.objects.get(pk=payload["ticket"])
    connected = _ticketing()
    if ticket.resolved_at is not None or connected is None:
        return
    alert = Alert.objects.get(pk=ticket.alert_id)
    with _client(ticket, connected, now=now) as client:
        row = _look_up(client, ticket)
        if row is not None:
            client.write("PATCH", "Tickets", _resolved(row, alert, connected))
            ticket.ticket_id = number(row, "id")
            ticket.ticket_number = text(row, "ticketNumber")
    ticket.resolved_at, ticket.problem = now, ""
    ticket.save(update_fields=["ticket_id", "ticket_number", "resolved_at", "problem"])


@contextmanager
def _client(
    ticket: AlertTicket, connected: AutotaskConnection, *, now: datetime
) -> Iterator[Client]:
    """A client whose errors are stored with the ticket and postpone the message."""
    try:
        with open_client(connected) as client:
            yield client
    except (AutotaskError, SecretsUnreadable) as error:
        AlertTicket.objects.filter(pk=ticket.pk).update(problem=str(error))
        wait = RETRY_AFTER_REFUSAL if isinstance(error, Refused) else RETRY_AFTER
        raise Postpone(now + (error.wait if isinstance(error, Busy) else wait)) from error


def _look_up(client: Client, ticket: AlertTicket) -> Row | None:
    """The ticket in Autotask; the oldest one if a person copied it."""
    rows = client.query(
        "Tickets",
        condition("externalID", "eq", ticket.external_id),
        fields=["id", "ticketNumber", "description", "status"],
    )
    return min(rows, key=lambda row: number(row, "id")) if rows else None


def _new(ticket: AlertTicket, alert: Alert, connected: AutotaskConnection, *, now: datetime) -> Row:
    link = f"{portal.SITE_URL}{alert.link}" if alert.link.startswith("/") else alert.link
    description = "\n\n".join(part for part in (alert.text, link) if part)
    due = now + timedelta(days=connected.ticket_due_days)
    row = {
        "externalID": ticket.external_id,
        "companyID": ticket.company_id,
        "title": alert.title[:LONGEST_TITLE],
        "description": description[:LONGEST_DESCRIPTION],
        "status": connected.ticket_status,
        "priority": connected.ticket_priority,
        "source": connected.ticket_source,
        "queueID": connected.ticket_queue_id,
        "assignedResourceID": connected.ticket_resource_id,
        "assignedResourceRoleID": connected.ticket_role_id,
        "dueDateTime": due.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return {name: value for name, value in row.items() if value is not None}


def _resolved(row: Row, alert: Alert, connected: AutotaskConnection) -> Row:
    """The changes to the ticket. Fields that are not named keep a person's work."""
    at = alert.resolved_at
    note = f"Resolved automatically on {at.astimezone(UTC):%-d %B %Y at %H:%M} UTC." if at else ""
    description = text(row, "description")
    if note not in description:
        description = f"{note}\n\n{description}"[:LONGEST_DESCRIPTION]
    changed: dict[str, Any] = {"id": number(row, "id"), "description": description}
    is_open = optional_number(row, "status") == connected.ticket_status
    if connected.ticket_resolved_status is not None and is_open:
        changed["status"] = connected.ticket_resolved_status
    return changed
