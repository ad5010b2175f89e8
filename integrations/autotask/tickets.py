"""Alerts as tickets: one for each, found by its external id before anything is created."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from integrations.autotask.client import Client
from integrations.autotask.connection import open_client
from integrations.autotask.entities import condition
from integrations.autotask.errors import AutotaskError, Busy, NeverSent, NotUnderstood, Unreachable
from integrations.autotask.resolving import REST
from integrations.autotask.wire import number, text
from integrations.models import AlertTicket, AutotaskConnection, ServiceMapping
from mtp.outbox.delivery import Order, enqueue_all
from mtp.outbox.topics import Payload, Postpone, handles
from mtp.schema import current_schema
from tenants.alerts.following import follow_alerts
from tenants.alerts.models import Alert

TOPIC = "integrations.autotask_ticket"
LONGEST_TITLE, LONGEST_DESCRIPTION = 255, 8000
# The MSP itself: alerts that belong to no client are its own.
OWN_COMPANY = 0


@follow_alerts
def ticket_alerts(*, opened: Sequence[Alert], resolved: Sequence[Alert], now: datetime) -> None:
    """Order a ticket for each alert that opened, and word of its end for each that is over."""
    settings = AutotaskConnection.objects.filter(pk=1).first()
    if settings is None or not settings.is_connected or not settings.creates_tickets:
        return
    steps = [(alert, "opened") for alert in opened] + [(alert, "resolved") for alert in resolved]
    orders = [
        Order(TOPIC, f"{alert.pk}:{step}", {"alert": alert.pk, "step": step})
        for alert, step in steps
    ]
    enqueue_all(orders=orders, now=now)


@handles(TOPIC)
def bring_ticket_up_to_date(payload: Payload, now: datetime) -> None:
    """Create the alert's ticket, or tell it that the alert is over; safe to do any number of times.

    After an outcome nobody knows it waits, and then looks for the ticket before it makes one.
    """
    settings = AutotaskConnection.objects.filter(pk=1).first()
    alert = Alert.objects.filter(pk=payload["alert"]).first()
    if settings is None or not settings.is_syncing or not settings.creates_tickets or not alert:
        return
    ticket = _row_for(alert, now=now)
    try:
        with open_client(settings) as client:
            _work(client, settings, alert, ticket, now=now)
    except NeverSent:
        raise
    except Busy as error:
        raise Postpone(now + error.wait) from error
    except (Unreachable, NotUnderstood) as error:
        raise Postpone(now + REST) from error
    except AutotaskError as error:
        AlertTicket.objects.filter(pk=ticket.pk).update(problem=str(error))
        raise


def external_id_of(alert: Alert) -> str:
    """What names the alert in Autotask, at most 50 characters; the same whoever asks."""
    source = f"{current_schema()}:{alert.pk}:{alert.cause}"
    return f"mtp-{hashlib.sha256(source.encode()).hexdigest()[:40]}"


def _row_for(alert: Alert, *, now: datetime) -> AlertTicket:
    mapping = (
        ServiceMapping.objects.living().filter(organization=alert.organization_id).first()
        if alert.organization_id
        else None
    )
    ticket, _ = AlertTicket.objects.get_or_create(
        alert_id=alert.pk,
        defaults={
            "external_id": external_id_of(alert),
            "organization_id": alert.organization_id,
            "company_id": mapping.company_id if mapping else OWN_COMPANY,
            "created_at": now,
        },
    )
    return ticket


def _work(
    client: Client,
    settings: AutotaskConnection,
    alert: Alert,
    ticket: AlertTicket,
    *,
    now: datetime,
) -> None:
    if ticket.ticket_id is None:
        _adopt(client, ticket, now=now)
    if ticket.ticket_id is None and alert.resolved_at is None:
        client.write("POST", "Tickets", _new_ticket(settings, alert, ticket))
        # Success can come without the id, so it is looked up in any case.
        _adopt(client, ticket, now=now)
    is_over = alert.resolved_at is not None and ticket.resolved_at is None
    if is_over and ticket.ticket_id is not None:
        if settings.ticket_resolved_status is not None:
            body = {"id": ticket.ticket_id, "status": settings.ticket_resolved_status}
            client.write("PATCH", "Tickets", body)
        ticket.resolved_at = now
        ticket.save(update_fields=["resolved_at"])


def _adopt(client: Client, ticket: AlertTicket, *, now: datetime) -> None:
    found = client.query(
        "Tickets",
        condition("externalID", "eq", ticket.external_id),
        fields=["id", "ticketNumber", "externalID"],
    )
    if found:
        ticket.ticket_id = min(number(row, "id") for row in found)
        ticket.ticket_number = text(found[0], "ticketNumber")[:50]
        ticket.opened_at, ticket.problem = now, ""
        ticket.save(update_fields=["ticket_id", "ticket_number", "opened_at", "problem"])


def _new_ticket(settings: AutotaskConnection, alert: Alert, ticket: AlertTicket) -> dict[str, Any]:
    due = alert.opened_at + timedelta(days=settings.ticket_due_days)
    body: dict[str, Any] = {
        "companyID": ticket.company_id,
        "title": alert.title[:LONGEST_TITLE],
        "description": alert.text[:LONGEST_DESCRIPTION],
        "externalID": ticket.external_id,
        "status": settings.ticket_status,
        "priority": settings.ticket_priority,
        "source": settings.ticket_source,
        "dueDateTime": due.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if settings.ticket_queue_id is not None:
        body["queueID"] = settings.ticket_queue_id
    else:
        body["assignedResourceID"] = settings.ticket_resource_id
        body["assignedResourceRoleID"] = settings.ticket_role_id
    return {name: value for name, value in body.items() if value is not None}
