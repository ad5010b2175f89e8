"""A process that charges, as the portal's worker does or by the SDK alone.

    python -m tests.benchmarks.charging_worker ours|bare

Prints "ready" and then takes orders, one JSON line each: `ours` delivers that many messages of the
outbox, `bare` sends these parameters. Each is answered by the instant it was done.
"""

import json
import os
import sys
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import django


def ours(order: Any) -> None:
    """Deliver messages that are due, as many as were ordered, as `send_due` does."""
    from core.outbox.delivery import batch_wakeups, deliver_due

    with batch_wakeups():
        deliver_due(now=datetime.fromisoformat(order["now"]), limit=order["count"])


def bare(order: Any) -> None:
    """Charge with nothing around it but a key."""
    from billing.gateway import client as gateway

    create = gateway.client().v1.payment_intents.create
    for _ in range(order["count"]):
        create(order["parameters"], {"idempotency_key": uuid.uuid4().hex})


def main(work: Callable[[Any], None]) -> None:
    """Take orders until there are no more."""
    print("ready", flush=True)
    for line in sys.stdin:
        work(json.loads(line))
        print(time.time(), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mtp.settings")
    django.setup()
    main({"ours": ours, "bare": bare}[sys.argv[1]])
