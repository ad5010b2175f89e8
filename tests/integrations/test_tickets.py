"""Tickets from alerts: one for each, whatever becomes of the calls, told when it is over."""

from datetime import timedelta
from typing import Any

import pytest

from integrations.autotask.ticketing import ticket_open_alerts
from integrations.models import AlertTicket, AutotaskConnection
from mtp.outbox.delivery import deliver_due
from mtp.schema import current_schema
from tenants.alerts.conditions import Condition
from tenants.alerts.models import Kind, Severity
from tenants.alerts.opening import raise_alert, resolve_alert
from tests.integrations.autotask_stage import Stage

QUEUE, NEW, COMPLETE, HIGH = 29_682_834, 1, 5, 2
TICKETS = {
    "creates_tickets": True,
    "ticket_queue_id": QUEUE,
    "ticket_status": NEW,
    "ticket_resolved_status": COMPLETE,
    "ticket_priority": HIGH,
    "ticket_due_days": 2,
}


@pytest.fixture
def ticketing(stage: Stage) -> Stage:
    AutotaskConnection.objects.update(**TICKETS)
    return stage


def raised(stage: Stage, *, cause: str = "cap:1", organization_id: int | None = None) -> Any:
    return raise_alert(
        condition=Condition(
            cause=cause,
            kind=Kind.CAPS,
            severity=Severity.WARNING,
            title="Client 0 is at its user cap",
            text="17 of 17 users.",
            organization_id=organization_id,
            link="/account/usage/",
        ),
        now=stage.now,
    )


def deliver(stage: Stage, *, later: timedelta = timedelta(0)) -> None:
    stage.now += later
    deliver_due(now=stage.now, schema=current_schema())


def tickets(stage: Stage) -> list[dict[str, Any]]:
    """Ours, oldest first: the customer has others."""
    return [row for row in stage.stand_in.rows("Tickets") if row.get("externalID")]


def test_an_alert_becomes_one_ticket_of_the_mapped_company(ticketing: Stage) -> None:
    mapping = ticketing.organization(3)
    alert = raised(ticketing, organization_id=mapping.organization_id)
    raised(ticketing, organization_id=mapping.organization_id)
    deliver(ticketing)
    (ticket,) = tickets(ticketing)
    assert ticket["companyID"] == mapping.company_id
    assert ticket["title"] == "Client 0 is at its user cap"
    assert ticket["queueID"] == QUEUE
    assert ticket["dueDateTime"].startswith("2026-03-12T12:00:00")
    assert "/account/usage/" in ticket["description"]
    kept = AlertTicket.objects.get(alert_id=alert.pk)
    assert (kept.ticket_id, kept.external_id) == (ticket["id"], ticket["externalID"])


def test_what_is_of_no_mapped_organization_is_the_providers_own(ticketing: Stage) -> None:
    raised(ticketing)
    deliver(ticketing)
    assert [ticket["companyID"] for ticket in tickets(ticketing)] == [0]


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "reset_after", "bad_gateway_after"])
def test_an_unknown_outcome_is_looked_at_before_anything_is_sent_again(
    ticketing: Stage, kind: str
) -> None:
    raised(ticketing)
    ticketing.stand_in.fault(kind, path="Tickets", method="POST", after=1)
    deliver(ticketing)
    assert AlertTicket.objects.get().problem
    deliver(ticketing, later=timedelta(minutes=6))
    assert len(tickets(ticketing)) == 1
    kept = AlertTicket.objects.get()
    assert (kept.ticket_id, kept.problem) == (tickets(ticketing)[0]["id"], "")


def test_a_worker_killed_after_creating_finds_its_ticket(ticketing: Stage) -> None:
    raised(ticketing)
    deliver(ticketing)
    AlertTicket.objects.update(ticket_id=None, ticket_number="")
    ticket_open_alerts(now=ticketing.now + timedelta(minutes=1))
    deliver(ticketing, later=timedelta(minutes=2))
    assert len(tickets(ticketing)) == 1
    assert AlertTicket.objects.get().ticket_id == tickets(ticketing)[0]["id"]


def test_a_resolved_alert_is_told_once_and_undoes_nobodys_work(ticketing: Stage) -> None:
    raised(ticketing)
    deliver(ticketing)
    (ticket,) = tickets(ticketing)
    stage = ticketing.stand_in
    stage.control("PATCH", f"rows/Tickets/{ticket['id']}", {"priority": 1})
    resolve_alert(cause="cap:1", now=ticketing.now)
    deliver(ticketing)
    deliver(ticketing)
    (told,) = tickets(ticketing)
    assert (told["status"], told["priority"]) == (COMPLETE, 1)
    assert told["description"].count("Resolved by itself") == 1
    assert AlertTicket.objects.get().resolved_at == ticketing.now


def test_an_alert_over_before_its_ticket_makes_none(ticketing: Stage) -> None:
    raised(ticketing)
    resolve_alert(cause="cap:1", now=ticketing.now)
    deliver(ticketing)
    assert tickets(ticketing) == []


def test_a_cause_that_comes_back_is_another_ticket(ticketing: Stage) -> None:
    for _ in range(2):
        raised(ticketing)
        deliver(ticketing)
        resolve_alert(cause="cap:1", now=ticketing.now)
        deliver(ticketing)
    assert len(tickets(ticketing)) == 2


def test_a_refusal_is_kept_in_autotasks_words(ticketing: Stage) -> None:
    AutotaskConnection.objects.update(ticket_queue_id=None)
    raised(ticketing)
    deliver(ticketing)
    assert tickets(ticketing) == []
    assert "queueID" in AlertTicket.objects.get().problem


def test_without_the_wish_for_tickets_there_are_none(stage: Stage) -> None:
    raised(stage)
    deliver(stage)
    assert not AlertTicket.objects.exists()
    AutotaskConnection.objects.update(**TICKETS)
    ticket_open_alerts(now=stage.now)
    ticket_open_alerts(now=stage.now)
    deliver(stage)
    assert len(tickets(stage)) == 1
