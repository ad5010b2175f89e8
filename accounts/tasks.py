"""Scheduled tasks of the public schema."""

from celery import shared_task
from django.utils import timezone

from accounts.missed_changes import check_for_missed, providers_of_night
from accounts.provider_batches import batches
from accounts.provisioning.highest_ids import keep_highest_ids
from accounts.provisioning.moves import watch_moves
from accounts.provisioning.release import watch_schemas


@shared_task(name="accounts.tasks.keep_ids")
def keep_ids() -> int:
    """Keep the highest ids of every provider's schema, nightly; returns how many have risen."""
    return keep_highest_ids()


@shared_task(name="accounts.tasks.check_all_for_missed")
def check_all_for_missed() -> None:
    """Start a task for each batch of providers whose rounds are checked this night."""
    for batch in batches(providers_of_night(now=timezone.now())):
        check_for_missed_of.delay(batch)


@shared_task(name="accounts.tasks.check_for_missed_of")
def check_for_missed_of(provider_ids: list[int]) -> None:
    """Look for changes of these providers that a round missed."""
    check_for_missed(provider_ids, now=timezone.now())


@shared_task(name="accounts.tasks.watch_migrations")
def watch_migrations() -> None:
    """Alert operations of schemas that are behind this release, and of interrupted moves."""
    watch_schemas(now=timezone.now())
    watch_moves(now=timezone.now())
