"""The outbox message about opened and resolved alerts, for the apps above.

Integrations handles the topic and makes tickets of the alerts.
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
    """Enqueue the message about these alerts in their transaction; none when both are empty.

    An alert is opened once and resolved once, so the first alert's id makes a unique key.
    """
    if not opened and not resolved:
        return
    first = f"opened:{opened[0].pk}" if opened else f"resolved:{resolved[0].pk}"
    payload = {
        "opened": [alert.pk for alert in opened],
        "resolved": [alert.pk for alert in resolved],
    }
    enqueue(topic=CHANGED_TOPIC, key=first, payload=payload, now=now)
