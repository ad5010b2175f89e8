"""The Celery task that delivers outbox messages of a lane."""

import time

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from core.outbox.delivery import SEND_DUE, batch_wakeups, call_worker, deliver_due
from core.outbox.lanes import Lane
from core.servers import DIRECTORY, on_server

# No message is begun later, so that the time limit of the task leaves enough for the last one.
SECONDS_PER_TASK = 30
MESSAGES_PER_TASK = 100


@shared_task(
    name=SEND_DUE,
    # No message outlives its lease: then a second worker would take it.
    soft_time_limit=settings.OUTBOX_LEASE_SECONDS - 10,
    time_limit=settings.OUTBOX_LEASE_SECONDS + 10,
)
def send_due(lane: str, server: int = DIRECTORY) -> int:
    """Deliver due messages of the lane for `SECONDS_PER_TASK`; returns how many were taken.

    Those of one database server.

    A worker that finds a message wakes one more worker, so that all workers share a long queue.
    Messages that handlers enqueue in this lane do not wake a worker each: this loop delivers them.
    Ended by one of its bounds, it wakes a worker that continues.
    """
    ends_at = time.monotonic() + SECONDS_PER_TASK
    chosen = Lane(lane)
    taken = 0
    with on_server(server), batch_wakeups():
        while deliver_due(now=timezone.now(), limit=1, lane=chosen):
            if not taken:
                call_worker(chosen)
            taken += 1
            if taken == MESSAGES_PER_TASK or time.monotonic() > ends_at:
                call_worker(chosen)
                break
    return taken
