"""The watch of the outside services: one that does not answer is an operations alert."""

from datetime import datetime

from django.conf import settings

from core.circuit_breakers import silent_services
from core.operations.alerts import Cause, found_everywhere
from core.operations.kinds import alert_kind

AWAY = alert_kind("operations.service_away", title="An outside service does not answer")


def watch_services(*, now: datetime) -> None:
    """Open an alert for each service that is not called for now, and settle the others."""
    causes = [
        Cause(
            key=service.name.lower(),
            summary=f"{service} did not answer {settings.OUTSIDE_FAILURES} calls in a row. Calls "
            "are refused at once, and one is tried each minute.",
            next_step="Look at the status page of the service and at our own network. Nothing has "
            "to be repeated: messages wait in the outbox and are delivered once it answers.",
        )
        for service in silent_services()
    ]
    found_everywhere(kind=AWAY, causes={"": causes}, now=now)
