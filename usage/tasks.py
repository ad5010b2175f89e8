"""Scheduled tasks: daily snapshots and backtests of forecasts, for all providers."""

from collections.abc import Sequence
from datetime import datetime

from celery import shared_task
from django.utils import timezone

from accounts.models import Provider
from accounts.provider_batches import (
    batches,
    due_batches,
    due_round,
    for_each_provider,
    look_together,
    working_providers,
)
from accounts.rounds import scheduled_round
from accounts.stages import Use
from core.schema import provider_schema
from usage.forecast.backtest import record_backtest
from usage.ledger.snapshots import SNAPSHOT, look_at_snapshots, snapshot_providers

SNAPSHOTS = due_round(SNAPSHOT, use=Use.DAILY_WORK, look=look_at_snapshots)
BACKTEST = scheduled_round(
    "backtest", title="Testing forecasts on past months", again="The next day tries again."
)


@shared_task(name="usage.tasks.snapshot_due_providers")
def snapshot_due_providers() -> int:
    """Send tasks that take the missing snapshots of all providers; returns their number.

    Runs hourly: a day is recorded within an hour after its end in the billing zone, and missed days
    later.
    """
    due = due_batches(SNAPSHOTS, now=timezone.now())
    for batch in due:
        snapshot_batch.delay(batch)
    return len(due)


@shared_task(name="usage.tasks.snapshot_batch")
def snapshot_batch(provider_ids: list[int]) -> int:
    """Take the missing snapshots of these providers; returns their number.

    Not a task of one provider: it enters each provider's schema itself.
    """
    taken = 0
    now = timezone.now()

    def snapshot(providers: Sequence[Provider]) -> dict[int, datetime | None]:
        nonlocal taken
        outcome = snapshot_providers(providers=providers, now=now)
        taken += outcome.snapshots
        return outcome.again_at

    look_together(provider_ids, snapshot, round_=SNAPSHOTS, now=now)
    return taken


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
