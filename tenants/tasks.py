"""Alerts by the clock: a round of every provider, and the day's digests."""

import logging

from celery import shared_task
from django.db import connection
from django.utils import timezone

from accounts.models import Provider
from mtp.outbox.delivery import waking_once
from mtp.schema import ProviderTask, provider_schema
from tenants.alerts.digests import send_digests
from tenants.alerts.rounds import watch_round

logger = logging.getLogger(__name__)

# A connection keeps a cache of every schema it touched: it is dropped after so many providers.
PROVIDERS_PER_TASK = 100


@shared_task(name="tenants.tasks.watch_provider", base=ProviderTask)
def watch_provider() -> int:
    """A round of one provider, a moment after something changed; gives how many alerts opened."""
    return len(watch_round(now=timezone.now()).opened)


@shared_task(name="tenants.tasks.watch_all_providers")
def watch_all_providers() -> None:
    """Send every active provider's round to workers, in chunks."""
    active = Provider.objects.filter(state=Provider.State.ACTIVE).order_by("pk")
    ids = list(active.values_list("pk", flat=True))
    for start in range(0, len(ids), PROVIDERS_PER_TASK):
        watch_some.delay(ids[start : start + PROVIDERS_PER_TASK])


@shared_task(name="tenants.tasks.watch_some")
def watch_some(provider_ids: list[int]) -> None:
    """A round and the due digests of each of these providers; one that fails stops no other."""
    now = timezone.now()
    try:
        with waking_once():
            for provider in Provider.objects.filter(pk__in=provider_ids).order_by("pk"):
                try:
                    with provider_schema(provider.schema_name):
                        watch_round(now=now)
                        send_digests(now=now)
                except Exception:
                    logger.exception("No round of alerts of %s; with the next again.", provider)
    finally:
        if not connection.in_atomic_block:
            connection.close()
