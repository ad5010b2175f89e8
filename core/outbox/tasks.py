"""Celery's way into the outbox."""

from celery import shared_task
from django.utils import timezone

from core.outbox.delivery import SEND_DUE, batch_wakeups, call_worker, deliver_due

# A worker comes back for more: one task must not outlast the broker's patience.
MESSAGES_PER_TASK = 100


@shared_task(name=SEND_DUE)
def send_due() -> int:
    """Do what is due, each message by the time it is taken; returns how many were taken.

    Who finds work calls one more worker, so that all take part while there is some; what the work
    itself orders is found by whoever is at it, and wakes nobody for each message.
    """
    taken = 0
    with batch_wakeups():
        while taken < MESSAGES_PER_TASK and deliver_due(now=timezone.now(), limit=1):
            if not taken:
                call_worker()
            taken += 1
    return taken
