"""A process that charges, as the portal's worker or with the SDK alone.

    python -m tests.benchmarks.charging_worker ours|bare

Prints "ready", then reads jobs, one JSON line each: `ours` delivers that many outbox messages,
`bare` sends these parameters. The answer to each is the instant at which it was finished.
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


def ours(job: Any) -> None:
    """Deliver as many due messages as the job says, as `send_due` does."""
    from core.outbox.delivery import batch_wakeups, deliver_due

    with batch_wakeups():
        deliver_due(now=datetime.fromisoformat(job["now"]), limit=job["count"])


def bare(job: Any) -> None:
    """Charge with an idempotency key and nothing else."""
    from billing.gateway import client as gateway

    create = gateway.client().v1.payment_intents.create
    for _ in range(job["count"]):
        create(job["parameters"], {"idempotency_key": uuid.uuid4().hex})


def main(work: Callable[[Any], None]) -> None:
    """Do the jobs of standard input until it ends."""
    print("ready", flush=True)
    for line in sys.stdin:
        work(json.loads(line))
        print(time.time(), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mtp.settings")
    django.setup()
    main({"ours": ours, "bare": bare}[sys.argv[1]])
