"""The Celery task that delivers outbox messages."""

from celery import shared_task
from django.utils import timezone

from core.outbox.delivery import SEND_DUE, batch_wakeups, call_worker, deliver_due

# A task must end before the broker's visibility timeout and then send it again; the next task
# continues.
MESSAGES_PER_TASK = 100


@shared_task(name=SEND_DUE)
def send_due() -> int:
    """Deliver due messages, at most `MESSAGES_PER_TASK`; returns how many were taken.

    A worker that finds a message wakes one more worker, so that all workers share a long queue.
    Messages that handlers enqueue do not wake a worker each: this loop delivers them.
    """
    taken = 0
    with batch_wakeups():
        while taken < MESSAGES_PER_TASK and deliver_due(now=timezone.now(), limit=1):
            if not taken:
                call_worker()
            taken += 1
    return taken
