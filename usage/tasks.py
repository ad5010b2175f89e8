"""The nightly round: snapshots of the day that ended, in every provider's own time zone."""

from datetime import datetime

from celery import shared_task
from django.utils import timezone

from accounts.models import Provider
from accounts.provider_batches import active_providers, batches, close_connection, for_each_provider
from core.schema import provider_schema
from usage.forecast.backtest import record_backtest
from usage.ledger.snapshots import snapshot_providers


@shared_task(name="usage.tasks.snapshot_due_providers")
def snapshot_due_providers() -> int:
    """Send every active provider's missing snapshots to workers; gives the number of tasks.

    Runs hourly: a day is recorded within the hour after its local midnight, and days that were
    missed are made up.
    """
    due = batches(active_providers())
    for portion in due:
        snapshot_batch.delay(portion)
    return len(due)


@shared_task(name="usage.tasks.snapshot_batch")
def snapshot_batch(provider_ids: list[int]) -> int:
    """Take the snapshots these providers miss; gives how many were taken.

    Belongs to no single provider: it enters each one's schema itself.
    """
    try:
        providers = list(active_providers().filter(pk__in=provider_ids))
        return snapshot_providers(providers=providers, now=timezone.now()).snapshots
    finally:
        close_connection()


@shared_task(name="usage.tasks.backtest_forecasts")
def backtest_forecasts() -> int:
    """Have every active provider's forecasts of the months that are over tried; gives the tasks."""
    due = batches(active_providers())
    for portion in due:
        backtest_forecasts_of.delay(portion)
    return len(due)


@shared_task(name="usage.tasks.backtest_forecasts_of")
def backtest_forecasts_of(provider_ids: list[int]) -> int:
    """Try the months that these providers miss; gives how many were tried.

    Belongs to no single provider: it enters each one's schema itself.
    """
    tried: list[int] = []
    for_each_provider(
        provider_ids,
        lambda provider: tried.append(_try_forecasts_of(provider, now=timezone.now())),
        failed="Forecasts of %s could not be tried; with the next round again.",
    )
    return sum(tried)


def _try_forecasts_of(provider: Provider, *, now: datetime) -> int:
    with provider_schema(provider):
        return record_backtest(zone=provider.billing_zone(), now=now)
