"""One ticket for each alert, whatever the outcome of the call."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import Provider
from core.actors import Actor
from core.outbox.models import OutboxMessage
from core.outbox.topics import Postpone, topic_named
from core.schema import provider_schema
from integrations.autotask.tickets.cases import ticket_case
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
from tenants.cases.cases import close_case, open_case
from tenants.models import Alert, Severity
from tenants.models.alerts import Kind
from tests.integrations.psa_scenario import PsaScenario
from tests.personas import Personas

CAUSE = Condition(
    cause="cap-1", kind=Kind.CAPS, severity=Severity.WARNING, title="Near its cap", text="9 of 10."
)


@pytest.fixture
def ticketing(scenario: PsaScenario) -> PsaScenario:
    AutotaskConnection.objects.update(
        creates_tickets=True, ticket_queue_id=29_682_833, ticket_status=1, ticket_priority=2,
        ticket_source=8, ticket_resolved_status=5,
    )  # fmt: skip
    return scenario


def tickets(scenario: PsaScenario) -> list[dict[str, Any]]:
    return [row for row in scenario.stand_in.rows("Tickets") if row.get("externalID")]


def handle_alerts(scenario: PsaScenario) -> None:
    """Handle the outbox messages of changed alerts."""
    for message in OutboxMessage.objects.filter(topic=CHANGED_TOPIC).order_by("pk"):
        ticket_alerts(message.payload, scenario.now)
        message.delete()


def deliver(scenario: PsaScenario) -> None:
    """Handle the messages of changed alerts, and open the one alert's ticket."""
    handle_alerts(scenario)
    open_ticket({"ticket": AlertTicket.objects.get().pk}, scenario.now)


def test_an_alert_becomes_a_ticket_that_records_its_resolution(ticketing: PsaScenario) -> None:
    raise_alert(condition=CAUSE, now=ticketing.now)
    handle_alerts(ticketing)
    assert OutboxMessage.objects.filter(topic=OPEN_TOPIC).count() == 1
    deliver(ticketing)
    deliver(ticketing)
    (ticket,) = tickets(ticketing)
    assert (ticket["title"], ticket["companyID"], ticket["status"]) == ("Near its cap", 0, 1)
    resolve_alert(cause="cap-1", now=ticketing.now)
    handle_alerts(ticketing)
    message = OutboxMessage.objects.get(topic=RESOLVE_TOPIC)
    for _ in range(2):
        resolve_ticket(message.payload, ticketing.now)
    (ticket,) = tickets(ticketing)
    assert ticket["status"] == 5
    assert ticket["description"].count("Resolved automatically on 10 March 2026") == 1
    assert AlertTicket.objects.get().resolved_at


def test_one_alert_creates_one_ticket_across_all_handlers(ticketing: PsaScenario) -> None:
    """Every outbox message of the alert is handled."""
    raise_alert(condition=CAUSE, now=ticketing.now)
    handle_alerts(ticketing)
    for message in OutboxMessage.objects.filter(finished_at=None):
        topic_named(message.topic).handler(message.payload, ticketing.now)
    assert len(tickets(ticketing)) == 1
    created = [one for one in ticketing.stand_in.journal() if one["path"].endswith("/Tickets")]
    assert len(created) == 1


def test_a_resolution_keeps_a_persons_status_of_the_ticket(ticketing: PsaScenario) -> None:
    raise_alert(condition=CAUSE, now=ticketing.now)
    deliver(ticketing)
    (ticket,) = tickets(ticketing)
    ticketing.stand_in.control("PATCH", f"rows/Tickets/{ticket['id']}", {"status": 8})
    resolve_alert(cause="cap-1", now=ticketing.now)
    resolve_ticket({"ticket": AlertTicket.objects.get().pk}, ticketing.now)
    (ticket,) = tickets(ticketing)
    assert ticket["status"] == 8
    assert "9 of 10." in ticket["description"]


def test_an_alert_resolved_before_its_ticket_gets_none(ticketing: PsaScenario) -> None:
    raise_alert(condition=CAUSE, now=ticketing.now)
    resolve_alert(cause="cap-1", now=ticketing.now)
    deliver(ticketing)
    assert tickets(ticketing) == []


@pytest.mark.parametrize("fault", ["drop_after", "bad_gateway_after", "truncated_json"])
def test_a_ticket_with_an_unknown_outcome_is_looked_up_not_created_again(
    ticketing: PsaScenario, fault: str
) -> None:
    raise_alert(condition=CAUSE, now=ticketing.now)
    ticketing.stand_in.fault(fault, method="POST", path="V1.0/Tickets", after=1)
    with pytest.raises(Postpone) as later:
        deliver(ticketing)
    assert later.value.until >= ticketing.now + timedelta(minutes=15)
    deliver(ticketing)
    assert len(tickets(ticketing)) == 1
    assert AlertTicket.objects.get().ticket_id == tickets(ticketing)[0]["id"]


def test_a_missing_ticket_id_is_looked_up(ticketing: PsaScenario) -> None:
    raise_alert(condition=CAUSE, now=ticketing.now)
    ticketing.stand_in.fault("null_item_id", method="POST", path="V1.0/Tickets", after=1)
    deliver(ticketing)
    assert AlertTicket.objects.get().ticket_id == tickets(ticketing)[0]["id"]


def test_a_mapped_organizations_ticket_names_its_company(ticketing: PsaScenario) -> None:
    mapping = ticketing.organization(3, number=2)
    condition = replace(CAUSE, organization_id=mapping.organization_id)
    raise_alert(condition=condition, now=ticketing.now)
    deliver(ticketing)
    assert tickets(ticketing)[0]["companyID"] == 29_683_502


def test_two_providers_with_the_same_alert_id_have_two_tickets(
    north: Provider, south: Provider
) -> None:
    """Providers can share a customer database, and alert ids start at 1 in each schema."""
    alert = Alert(pk=7, cause="cap-1")
    external_ids = set()
    for provider in (north, south):
        with provider_schema(provider):
            external_ids.add(external_id_of(alert))
    assert len(external_ids) == 2
    assert all(len(each) <= 50 for each in external_ids)


def test_no_ticket_is_created_without_the_setting(scenario: PsaScenario) -> None:
    raise_alert(condition=CAUSE, now=scenario.now)
    handle_alerts(scenario)
    assert not OutboxMessage.objects.filter(topic=OPEN_TOPIC).exists()


def test_step_four_creates_tickets_for_open_alerts(
    scenario: PsaScenario, client: Client, sign_in: Any, people: Personas
) -> None:
    raise_alert(condition=CAUSE, now=scenario.now)
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
        # The alert was open before tickets were switched on.
        assert OutboxMessage.objects.filter(topic=OPEN_TOPIC).count() == 1


def test_a_case_is_a_ticket_until_it_is_closed(ticketing: PsaScenario, people: Personas) -> None:
    case = open_case(
        provider=ticketing.provider,
        subject="Secret",
        text="Why?",
        by=people.adam,
        now=ticketing.now,
    )
    for _ in range(2):
        ticket_case({"case": case.pk}, ticketing.now)
    deliver(ticketing)
    (ticket,) = tickets(ticketing)
    assert ticket["title"] == f"Case {case.pk} waits for support"
    assert "Secret" not in str(ticket)
    close_case(case=case, actor=Actor(people.adam.pk, people.adam.name), now=ticketing.now)
    ticket_case({"case": case.pk}, ticketing.now)
    assert Alert.objects.get(cause=f"case:{case.pk}").resolved_at


def test_without_tickets_a_case_is_no_alert(scenario: PsaScenario, people: Personas) -> None:
    case = open_case(
        provider=scenario.provider, subject="Secret", text="Why?", by=people.adam, now=scenario.now
    )
    ticket_case({"case": case.pk}, scenario.now)
    assert not Alert.objects.exists()
