"""What integrations does by the clock: often enough, so that what was missed is caught up."""

import logging

from celery import shared_task
from django.db import connection
from django.utils import timezone

from accounts.models import Provider
from integrations.autotask.runs import order_nightly
from mtp.outbox.delivery import waking_once
from mtp.schema import provider_schema

logger = logging.getLogger(__name__)

# A connection keeps a cache of every schema it touched: it is dropped after so many providers.
PROVIDERS_PER_TASK = 100


@shared_task(name="integrations.tasks.sync_due_providers")
def sync_due_providers() -> None:
    """Order every active provider's run of the night that is due, in chunks.

    Runs hourly: a night's run begins within the hour after its day's snapshot.
    """
    active = Provider.objects.filter(state=Provider.State.ACTIVE).order_by("pk")
    ids = list(active.values_list("pk", flat=True))
    for start in range(0, len(ids), PROVIDERS_PER_TASK):
        order_nightly_runs_of.delay(ids[start : start + PROVIDERS_PER_TASK])


@shared_task(name="integrations.tasks.order_nightly_runs_of")
def order_nightly_runs_of(provider_ids: list[int]) -> None:
    """Order these providers' runs; one that fails is logged and holds up no other.

    Belongs to no single provider: it enters each one's schema itself.
    """
    now = timezone.now()
    try:
        with waking_once():
            for provider in Provider.objects.filter(pk__in=provider_ids).order_by("pk"):
                try:
                    with provider_schema(provider.schema_name):
                        order_nightly(now=now)
                except Exception:
                    logger.exception("No PSA run of %s; next hour again.", provider)
    finally:
        if not connection.in_atomic_block:
            connection.close()
