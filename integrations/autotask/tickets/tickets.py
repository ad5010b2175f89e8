"""Alerts as tickets: one for each alert, found again by its external id, told when it is over.

The message that orders the ticket commits with the alert. Before every creation, also after one
whose outcome is unknown, Autotask is asked for the external id: it refuses no second ticket by
itself (facts).
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.conf import settings as portal
from django.db import transaction

from core.outbox.delivery import NewMessage, enqueue_all
from core.outbox.topics import Payload, Postpone, handler
from core.schema import current_schema
from integrations.autotask.api.client import Client
from integrations.autotask.api.entities import condition
from integrations.autotask.api.errors import AutotaskError, Busy, Refused, Unreachable
from integrations.autotask.api.wire import Row, number, optional_number, text
from integrations.autotask.connection import open_client
from integrations.autotask.sync.push_resolution import REST
from integrations.encryption import SecretsUnreadable
from integrations.models import AlertTicket, AutotaskConnection, ServiceMapping
from tenants.alerts.subscribers import CHANGED_TOPIC
from tenants.models import Alert

OPEN_TOPIC: Final = "integrations.ticket_open"
RESOLVE_TOPIC: Final = "integrations.ticket_resolve"
# The MSP's own company: alerts of no organization, or of one that is not mapped.
OWN_COMPANY = 0
LONGEST_TITLE = 255
LONGEST_DESCRIPTION = 8000
AFTER_REFUSAL = timedelta(hours=6)


@handler(CHANGED_TOPIC)
@transaction.atomic
def ticket_alerts(payload: Payload, now: datetime) -> None:
    """Order tickets for alerts that were opened, and the update of those of resolved ones."""
    if payload["opened"] and _settings() is not None:
        _order(list(Alert.objects.filter(pk__in=payload["opened"]).order_by("pk")), now=now)
    if payload["resolved"]:
        tickets = AlertTicket.objects.filter(alert_id__in=payload["resolved"])
        _enqueue(RESOLVE_TOPIC, tickets, now=now)


def ticket_open_alerts(*, now: datetime) -> None:
    """Order tickets for every open alert that has none: for when tickets are switched on."""
    if _settings() is not None:
        known = AlertTicket.objects.exclude(ticket_id=None).values("alert_id")
        _order(list(Alert.objects.open().exclude(pk__in=known)), now=now)


def external_id_of(alert: Alert) -> str:
    """What names the alert in Autotask, at most 50 characters; the same whoever asks."""
    source = f"{current_schema()}:{alert.pk}:{alert.cause}"
    return f"mtp-{hashlib.sha256(source.encode()).hexdigest()[:40]}"


def _settings() -> AutotaskConnection | None:
    """The connection where it makes tickets."""
    connected = AutotaskConnection.objects.filter(pk=1, creates_tickets=True).first()
    return connected if connected and connected.is_connected else None


def _order(alerts: Sequence[Alert], *, now: datetime) -> None:
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
    orders = [
        NewMessage(topic, key=f"{ticket.pk}:{now.isoformat()}", payload={"ticket": ticket.pk})
        for ticket in tickets
    ]
    enqueue_all(messages=orders, now=now)


@handler(OPEN_TOPIC)
def open_ticket(payload: Payload, now: datetime) -> None:
    """Create the alert's ticket unless it is there; not for one that is over by now."""
    ticket = AlertTicket.objects.get(pk=payload["ticket"])
    alert, connected = Alert.objects.get(pk=ticket.alert_id), _settings()
    if ticket.ticket_id is not None or alert.resolved_at is not None or connected is None:
        return
    with _asking(ticket, connected, now=now) as client:
        found = _look_up(client, ticket)
        if found is None:
            client.write("POST", "Tickets", _new(ticket, alert, connected, now=now))
            found = _look_up(client, ticket)
        if found is None:
            raise Unreachable("Autotask took the ticket and does not show it yet.")
    ticket.ticket_id, ticket.ticket_number = number(found, "id"), text(found, "ticketNumber")
    ticket.opened_at, ticket.problem = now, ""
    ticket.save(update_fields=["ticket_id", "ticket_number", "opened_at", "problem"])
    if Alert.objects.filter(pk=ticket.alert_id, resolved_at__isnull=False).exists():
        # It was resolved meanwhile, and whoever wanted to say so saw no ticket yet.
        AlertTicket.objects.filter(pk=ticket.pk).update(resolved_at=None)
        _enqueue(RESOLVE_TOPIC, [ticket], now=now)


@handler(RESOLVE_TOPIC)
def resolve_ticket(payload: Payload, now: datetime) -> None:
    """Tell the alert's ticket that it is over; a ticket that was never created stays so.

    One whose creation has an unknown outcome is looked for. A repeated word changes nothing.
    """
    ticket = AlertTicket.objects.get(pk=payload["ticket"])
    connected = _settings()
    if ticket.resolved_at is not None or connected is None:
        return
    alert = Alert.objects.get(pk=ticket.alert_id)
    with _asking(ticket, connected, now=now) as client:
        found = _look_up(client, ticket)
        if found is not None:
            client.write("PATCH", "Tickets", _resolved(found, alert, connected))
            ticket.ticket_id = number(found, "id")
            ticket.ticket_number = text(found, "ticketNumber")
    ticket.resolved_at, ticket.problem = now, ""
    ticket.save(update_fields=["ticket_id", "ticket_number", "resolved_at", "problem"])


@contextmanager
def _asking(
    ticket: AlertTicket, connected: AutotaskConnection, *, now: datetime
) -> Iterator[Client]:
    """A client; what goes wrong with it is kept with the ticket, and it is tried again later."""
    try:
        with open_client(connected) as client:
            yield client
    except (AutotaskError, SecretsUnreadable) as error:
        AlertTicket.objects.filter(pk=ticket.pk).update(problem=str(error))
        wait = AFTER_REFUSAL if isinstance(error, Refused) else REST
        raise Postpone(now + (error.wait if isinstance(error, Busy) else wait)) from error


def _look_up(client: Client, ticket: AlertTicket) -> Row | None:
    """The ticket in Autotask, the first one where a person copied it."""
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


def _resolved(found: Row, alert: Alert, connected: AutotaskConnection) -> Row:
    """What to change: only what is named, so that nobody's work on the ticket is undone."""
    at = alert.resolved_at
    said = f"Resolved by itself on {at.astimezone(UTC):%-d %B %Y at %H:%M} UTC." if at else ""
    description = text(found, "description")
    if said not in description:
        description = f"{said}\n\n{description}"[:LONGEST_DESCRIPTION]
    changed: dict[str, Any] = {"id": number(found, "id"), "description": description}
    is_open = optional_number(found, "status") == connected.ticket_status
    if connected.ticket_resolved_status is not None and is_open:
        changed["status"] = connected.ticket_resolved_status
    return changed
