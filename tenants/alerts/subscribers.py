"""What became of alerts, as durable work for the floors above.

The topic's handler (integrations) makes tickets of them. The message commits with the alerts.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from core.outbox.delivery import enqueue
from tenants.models import Alert

CHANGED_TOPIC: Final = "tenants.alerts_changed"


def enqueue_changed(
    *, now: datetime, opened: Sequence[Alert] = (), resolved: Sequence[Alert] = ()
) -> None:
    """Order what follows from alerts that were opened or resolved; nothing where none was.

    The payload has the ids of both. An alert is opened once and resolved once, so the first one
    names the message.
    """
    if not opened and not resolved:
        return
    first = f"opened:{opened[0].pk}" if opened else f"resolved:{resolved[0].pk}"
    payload = {
        "opened": [alert.pk for alert in opened],
        "resolved": [alert.pk for alert in resolved],
    }
    enqueue(topic=CHANGED_TOPIC, key=first, payload=payload, now=now)
