"""Scheduled tasks of the public schema."""

from celery import shared_task

from accounts.provisioning.highest_ids import keep_highest_ids


@shared_task(name="accounts.tasks.keep_ids")
def keep_ids() -> int:
    """Keep the highest ids of every provider's schema, nightly; returns how many have risen."""
    return keep_highest_ids()
