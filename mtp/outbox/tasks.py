"""Celery's way into the outbox."""

from celery import shared_task
from django.utils import timezone

from mtp.outbox.delivery import deliver_due

# A worker comes back for more: one task must not outlast the broker's patience.
MESSAGES_PER_TASK = 100


@shared_task(name="mtp.outbox.tasks.send_due")
def send_due() -> int:
    """Do what is due, each message by the time it is taken; returns how many were taken."""
    taken = 0
    while taken < MESSAGES_PER_TASK and deliver_due(now=timezone.now(), limit=1):
        taken += 1
    return taken
