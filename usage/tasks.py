"""Scheduled tasks: daily snapshots and backtests of forecasts, for all providers."""

from celery import shared_task
from django.utils import timezone

from accounts.models import Provider
from accounts.provider_batches import (
    batches,
    close_connection,
    for_each_provider,
    working_providers,
)
from accounts.rounds import scheduled_round
from accounts.stages import Use
from core.schema import provider_schema
from usage.forecast.backtest import record_backtest
from usage.ledger.snapshots import snapshot_providers

BACKTEST = scheduled_round(
    "backtest", title="Testing forecasts on past months", again="The next day tries again."
)


@shared_task(name="usage.tasks.snapshot_due_providers")
def snapshot_due_providers() -> int:
    """Send tasks that take the missing snapshots of all active providers; returns their number.

    Runs hourly: a day is recorded within an hour after its end in the billing zone, and missed days
    later.
    """
    due = batches(working_providers(Use.DAILY_WORK, now=timezone.now()))
    for batch in due:
        snapshot_batch.delay(batch)
    return len(due)


@shared_task(name="usage.tasks.snapshot_batch")
def snapshot_batch(provider_ids: list[int]) -> int:
    """Take the missing snapshots of these providers; returns their number.

    Not a task of one provider: it enters each provider's schema itself.
    """
    try:
        now = timezone.now()
        providers = working_providers(Use.DAILY_WORK, now=now).filter(pk__in=provider_ids)
        return snapshot_providers(providers=list(providers), now=now).snapshots
    finally:
        close_connection()


@shared_task(name="usage.tasks.backtest_forecasts")
def backtest_forecasts() -> int:
    """Send tasks that backtest finished months of all active providers; returns their number."""
    due = batches(working_providers(Use.DAILY_WORK, now=timezone.now()))
    for batch in due:
        backtest_forecasts_of.delay(batch)
    return len(due)


@shared_task(name="usage.tasks.backtest_forecasts_of")
def backtest_forecasts_of(provider_ids: list[int]) -> int:
    """Backtest the missing months of these providers; returns the number of months.

    Not a task of one provider: it enters each provider's schema itself.
    """
    months: list[int] = []
    now = timezone.now()

    def backtest(provider: Provider) -> None:
        with provider_schema(provider):
            months.append(record_backtest(zone=provider.billing_zone(), now=now))

    for_each_provider(provider_ids, backtest, round_=BACKTEST, now=now)
    return sum(months)
