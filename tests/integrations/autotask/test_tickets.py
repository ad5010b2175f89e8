"""One ticket for each alert, whatever becomes of the call."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import Provider
from core.outbox.models import OutboxMessage
from core.outbox.topics import Postpone, topic_named
from core.schema import provider_schema
from integrations.autotask.tickets.tickets import (
    OPEN_TOPIC,
    RESOLVE_TOPIC,
    external_id_of,
    open_ticket,
    resolve_ticket,
    ticket_alerts,
)
from integrations.models import AlertTicket, AutotaskConnection
from tenants.alerts.rules import Condition
from tenants.alerts.subscribers import CHANGED_TOPIC
from tenants.alerts.transitions import raise_alert, resolve_alert
from tenants.models import Alert, Severity
from tenants.models.alerts import Kind
from tests.integrations.autotask_stage import Stage
from tests.personas import Personas

CAUSE = Condition(
    cause="cap-1", kind=Kind.CAPS, severity=Severity.WARNING, title="Near its cap", text="9 of 10."
)


@pytest.fixture
def ticketing(stage: Stage) -> Stage:
    AutotaskConnection.objects.update(
        creates_tickets=True, ticket_queue_id=29_682_833, ticket_status=1, ticket_priority=2,
        ticket_source=8, ticket_resolved_status=5,
    )  # fmt: skip
    return stage


def tickets(stage: Stage) -> list[dict[str, Any]]:
    return [row for row in stage.stand_in.rows("Tickets") if row.get("externalID")]


def order(stage: Stage) -> None:
    """What the worker does with what became of alerts."""
    for message in OutboxMessage.objects.filter(topic=CHANGED_TOPIC).order_by("pk"):
        ticket_alerts(message.payload, stage.now)
        message.delete()


def deliver(stage: Stage) -> None:
    """What the worker does with the one alert's ticket."""
    order(stage)
    open_ticket({"ticket": AlertTicket.objects.get().pk}, stage.now)


def test_an_alert_becomes_a_ticket_and_its_end_is_told(ticketing: Stage) -> None:
    raise_alert(condition=CAUSE, now=ticketing.now)
    order(ticketing)
    assert OutboxMessage.objects.filter(topic=OPEN_TOPIC).count() == 1
    deliver(ticketing)
    deliver(ticketing)
    (ticket,) = tickets(ticketing)
    assert (ticket["title"], ticket["companyID"], ticket["status"]) == ("Near its cap", 0, 1)
    resolve_alert(cause="cap-1", now=ticketing.now)
    order(ticketing)
    message = OutboxMessage.objects.get(topic=RESOLVE_TOPIC)
    for _ in range(2):
        resolve_ticket(message.payload, ticketing.now)
    (ticket,) = tickets(ticketing)
    assert ticket["status"] == 5
    assert ticket["description"].count("Resolved by itself on 10 March 2026") == 1
    assert AlertTicket.objects.get().resolved_at


def test_one_alert_is_one_ticket_whoever_listens(ticketing: Stage) -> None:
    """Everything that an alert orders is delivered: one ticket comes of it."""
    raise_alert(condition=CAUSE, now=ticketing.now)
    order(ticketing)
    for message in OutboxMessage.objects.filter(finished_at=None):
        topic_named(message.topic).handler(message.payload, ticketing.now)
    assert len(tickets(ticketing)) == 1
    created = [one for one in ticketing.stand_in.journal() if one["path"].endswith("/Tickets")]
    assert len(created) == 1


def test_a_persons_work_on_the_ticket_is_left_alone(ticketing: Stage) -> None:
    raise_alert(condition=CAUSE, now=ticketing.now)
    deliver(ticketing)
    (ticket,) = tickets(ticketing)
    ticketing.stand_in.control("PATCH", f"rows/Tickets/{ticket['id']}", {"status": 8})
    resolve_alert(cause="cap-1", now=ticketing.now)
    resolve_ticket({"ticket": AlertTicket.objects.get().pk}, ticketing.now)
    (ticket,) = tickets(ticketing)
    assert ticket["status"] == 8
    assert "9 of 10." in ticket["description"]


def test_an_alert_that_ended_before_its_ticket_gets_none(ticketing: Stage) -> None:
    raise_alert(condition=CAUSE, now=ticketing.now)
    resolve_alert(cause="cap-1", now=ticketing.now)
    deliver(ticketing)
    assert tickets(ticketing) == []


@pytest.mark.parametrize("fault", ["drop_after", "bad_gateway_after", "truncated_json"])
def test_an_unknown_outcome_is_looked_up_never_repeated(ticketing: Stage, fault: str) -> None:
    raise_alert(condition=CAUSE, now=ticketing.now)
    ticketing.stand_in.fault(fault, method="POST", path="V1.0/Tickets", after=1)
    with pytest.raises(Postpone) as later:
        deliver(ticketing)
    assert later.value.until >= ticketing.now + timedelta(minutes=15)
    deliver(ticketing)
    assert len(tickets(ticketing)) == 1
    assert AlertTicket.objects.get().ticket_id == tickets(ticketing)[0]["id"]


def test_an_id_that_was_left_out_is_found(ticketing: Stage) -> None:
    raise_alert(condition=CAUSE, now=ticketing.now)
    ticketing.stand_in.fault("null_item_id", method="POST", path="V1.0/Tickets", after=1)
    deliver(ticketing)
    assert AlertTicket.objects.get().ticket_id == tickets(ticketing)[0]["id"]


def test_a_mapped_organizations_ticket_is_its_companys(ticketing: Stage) -> None:
    mapping = ticketing.organization(3, number=2)
    condition = replace(CAUSE, organization_id=mapping.organization_id)
    raise_alert(condition=condition, now=ticketing.now)
    deliver(ticketing)
    assert tickets(ticketing)[0]["companyID"] == 29_683_502


def test_two_providers_alerts_are_two_tickets(north: Provider, south: Provider) -> None:
    """They may share one customer database, and ids of alerts begin anew in each."""
    alert = Alert(pk=7, cause="cap-1")
    names = set()
    for provider in (north, south):
        with provider_schema(provider):
            names.add(external_id_of(alert))
    assert len(names) == 2
    assert all(len(name) <= 50 for name in names)


def test_without_the_setting_there_are_none(stage: Stage) -> None:
    raise_alert(condition=CAUSE, now=stage.now)
    order(stage)
    assert not OutboxMessage.objects.filter(topic=OPEN_TOPIC).exists()


def test_the_fourth_step(stage: Stage, client: Client, sign_in: Any, people: Personas) -> None:
    raise_alert(condition=CAUSE, now=stage.now)
    bill = sign_in(client, people.bill)
    page = bill.get("/integrations/autotask/tickets/").text
    assert "Monitoring Alerts" in page
    empty = bill.post(
        "/integrations/autotask/tickets/", {"creates_tickets": "on", "ticket_due_days": 1}
    )
    assert empty.status_code == 422
    assert "Choose a queue" in empty.text
    answer = bill.post(
        "/integrations/autotask/tickets/",
        {
            "creates_tickets": "on", "ticket_queue_id": 29_682_834, "ticket_status": 1,
            "ticket_priority": 2, "ticket_due_days": 3,
        },
    )  # fmt: skip
    assert answer.status_code == 302
    with provider_schema(people.north):
        # What was open when tickets were switched on gets one as well.
        assert OutboxMessage.objects.filter(topic=OPEN_TOPIC).count() == 1
