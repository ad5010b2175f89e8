"""One ticket for each alert, whatever becomes of the call."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from integrations.autotask.tickets import TOPIC, bring_ticket_up_to_date
from integrations.models import AlertTicket, AutotaskConnection
from mtp.outbox.models import OutboxMessage
from mtp.outbox.topics import Postpone
from tenants.alerts.conditions import Condition
from tenants.alerts.models import Alert, Kind, Severity
from tenants.alerts.opening import raise_alert, resolve_alert
from tests.integrations.autotask_stage import Stage
from tests.people import People

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


def deliver(stage: Stage, step: str) -> None:
    bring_ticket_up_to_date({"alert": Alert.objects.get().pk, "step": step}, stage.now)


def test_an_alert_becomes_a_ticket_and_its_end_is_told(ticketing: Stage) -> None:
    raise_alert(condition=CAUSE, now=ticketing.now)
    assert OutboxMessage.objects.filter(topic=TOPIC).count() == 1
    deliver(ticketing, "opened")
    deliver(ticketing, "opened")
    (ticket,) = tickets(ticketing)
    assert (ticket["title"], ticket["companyID"], ticket["status"]) == ("Near its cap", 0, 1)
    resolve_alert(cause="cap-1", now=ticketing.now)
    deliver(ticketing, "resolved")
    (ticket,) = tickets(ticketing)
    assert ticket["status"] == 5
    assert AlertTicket.objects.get().resolved_at


@pytest.mark.parametrize("fault", ["drop_after", "bad_gateway_after", "truncated_json"])
def test_an_unknown_outcome_is_looked_up_never_repeated(ticketing: Stage, fault: str) -> None:
    raise_alert(condition=CAUSE, now=ticketing.now)
    ticketing.stand_in.fault(fault, method="POST", path="V1.0/Tickets", after=1)
    with pytest.raises(Postpone) as later:
        deliver(ticketing, "opened")
    assert later.value.until >= ticketing.now + timedelta(minutes=15)
    deliver(ticketing, "opened")
    assert len(tickets(ticketing)) == 1
    assert AlertTicket.objects.get().ticket_id == tickets(ticketing)[0]["id"]


def test_an_id_that_was_left_out_is_found(ticketing: Stage) -> None:
    raise_alert(condition=CAUSE, now=ticketing.now)
    ticketing.stand_in.fault("null_item_id", method="POST", path="V1.0/Tickets", after=1)
    deliver(ticketing, "opened")
    assert AlertTicket.objects.get().ticket_id == tickets(ticketing)[0]["id"]


def test_without_the_setting_there_are_none(stage: Stage) -> None:
    raise_alert(condition=CAUSE, now=stage.now)
    assert not OutboxMessage.objects.filter(topic=TOPIC).exists()


def test_the_fourth_step(stage: Stage, client: Client, sign_in: Any, people: People) -> None:
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
