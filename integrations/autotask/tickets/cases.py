"""Cases submitted to support as tickets in the provider's PSA, by way of an alert.

An alert has one ticket, found by its external id and updated when the alert is resolved. So a case
is an alert for as long as it is not closed, in providers that have tickets made of alerts.
"""

from datetime import datetime

from django.urls import reverse

from core.outbox.topics import Payload, handler
from integrations.autotask.tickets.tickets import creates_tickets
from tenants.alerts import raise_alert, resolve_alert
from tenants.alerts.rules import Condition
from tenants.cases.cases import CHANGED_TOPIC
from tenants.models import Severity, SupportCase
from tenants.models.alerts import Kind


@handler(CHANGED_TOPIC)
def ticket_case(payload: Payload, now: datetime) -> None:
    """Open the case's alert, or resolve it once the case is closed. Doing it twice is once."""
    case = SupportCase.objects.get(pk=payload["case"])
    cause = f"case:{case.pk}"
    if case.state == SupportCase.State.CLOSED:
        resolve_alert(cause=cause, now=now)
    elif creates_tickets():
        raise_alert(
            condition=Condition(
                cause=cause,
                kind=Kind.SERVICE,
                severity=Severity.INFO,
                # Not its subject: a case is not for everyone who sees alerts.
                title=f"Case {case.pk} waits for support",
                text=f"Submitted by {case.opened_by_name}.",
                link=reverse("case_detail", args=[case.pk]),
            ),
            now=now,
        )
