"""Celery's way into the outbox."""

from celery import shared_task
from django.utils import timezone

from mtp.outbox.delivery import deliver_due


@shared_task(name="mtp.outbox.tasks.send_due")
def send_due() -> int:
    """Do what is due now; returns how many messages were taken."""
    return deliver_due(now=timezone.now())
