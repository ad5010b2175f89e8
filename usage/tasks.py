"""The nightly round: snapshots of the day that ended, in every provider's own time zone."""

from zoneinfo import ZoneInfo

from celery import shared_task
from django.db import connection
from django.utils import timezone

from accounts.models import Provider
from mtp.schema import provider_schema
from usage.forecast.trials import record_trials
from usage.snapshots import chunks, snapshot_providers


@shared_task(name="usage.tasks.snapshot_due_providers")
def snapshot_due_providers() -> int:
    """Send every active provider's missing snapshots to workers; gives the number of tasks.

    Runs hourly: a day is recorded within the hour after its local midnight, and days that were
    missed are made up.
    """
    active = Provider.objects.filter(state=Provider.State.ACTIVE).order_by("pk")
    portions = chunks(active.values_list("pk", flat=True))
    for portion in portions:
        snapshot_some.delay(portion)
    return len(portions)


@shared_task(name="usage.tasks.snapshot_some")
def snapshot_some(provider_ids: list[int]) -> int:
    """Take the snapshots these providers miss; gives how many were taken.

    Belongs to no single provider: it enters each one's schema itself.
    """
    try:
        providers = list(
            Provider.objects.filter(pk__in=provider_ids, state=Provider.State.ACTIVE).order_by("pk")
        )
        return snapshot_providers(providers=providers, now=timezone.now()).snapshots
    finally:
        # A connection never forgets a schema it touched: it would grow with every portion.
        if not connection.in_atomic_block:
            connection.close()


@shared_task(name="usage.tasks.try_forecasts")
def try_forecasts() -> int:
    """Have every active provider's forecasts of the months that are over tried; gives the tasks."""
    active = Provider.objects.filter(state=Provider.State.ACTIVE).order_by("pk")
    portions = chunks(active.values_list("pk", flat=True))
    for portion in portions:
        try_some_forecasts.delay(portion)
    return len(portions)


@shared_task(name="usage.tasks.try_some_forecasts")
def try_some_forecasts(provider_ids: list[int]) -> int:
    """Try the months that these providers miss; gives how many were tried.

    Belongs to no single provider: it enters each one's schema itself.
    """
    active = Provider.objects.filter(pk__in=provider_ids, state=Provider.State.ACTIVE)
    tried = 0
    try:
        for provider in active.order_by("pk"):
            with provider_schema(provider.schema_name):
                zone = ZoneInfo(provider.billing_time_zone)
                tried += record_trials(zone=zone, now=timezone.now())
    finally:
        # As above: the connection would keep every schema.
        if not connection.in_atomic_block:
            connection.close()
    return tried
