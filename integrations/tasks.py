"""What integrations does by the clock: often enough, so that what was missed is caught up."""

from datetime import datetime
from functools import partial

from celery import shared_task
from django.utils import timezone

from accounts.models import Provider
from accounts.provider_batches import active_providers, batches, for_each_provider
from core.schema import provider_schema
from integrations.autotask.sync.runs import request_nightly_run


@shared_task(name="integrations.tasks.sync_due_providers")
def sync_due_providers() -> None:
    """Order every active provider's run of the night that is due, in chunks.

    Runs hourly: a night's run begins within the hour after its day's snapshot.
    """
    for portion in batches(active_providers()):
        request_nightly_runs_of.delay(portion)


@shared_task(name="integrations.tasks.request_nightly_runs_of")
def request_nightly_runs_of(provider_ids: list[int]) -> None:
    """Order these providers' runs; one that fails is logged and holds up no other.

    Belongs to no single provider: it enters each one's schema itself.
    """
    for_each_provider(
        provider_ids,
        partial(_order_nightly, now=timezone.now()),
        failed="No PSA run of %s; next hour again.",
    )


def _order_nightly(provider: Provider, *, now: datetime) -> None:
    with provider_schema(provider):
        request_nightly_run(now=now)
