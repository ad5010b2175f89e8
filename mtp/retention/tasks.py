"""The nightly prune of the platform and of all providers."""

import logging
from functools import partial

from celery import shared_task
from django.utils import timezone

from accounts.provider_batches import active_providers, batches, for_each_provider
from accounts.rounds import PLATFORM, report_round
from core.servers import from_each_server
from mtp.retention.prune import PRUNE, prune_platform, prune_provider

logger = logging.getLogger(__name__)


@shared_task(name="mtp.retention.tasks.prune_all")
def prune_all() -> None:
    """Start a task for each batch of active providers, also closed ones; prune the platform."""
    for batch in batches(active_providers()):
        prune_providers.delay(batch)
    now = timezone.now()
    try:
        from_each_server(partial(prune_platform, now=now))
    except Exception as error:
        logger.exception("%s failed. %s", PRUNE.title, PRUNE.again)
        report_round(PRUNE, failed={PLATFORM: error}, worked=[], now=now)
    else:
        report_round(PRUNE, failed={}, worked=[PLATFORM], now=now)


@shared_task(name="mtp.retention.tasks.prune_providers")
def prune_providers(provider_ids: list[int]) -> None:
    """Prune these providers' schemas; a failure is reported, and the next provider follows."""
    now = timezone.now()
    for_each_provider(
        provider_ids,
        lambda provider: prune_provider(provider=provider, now=now),
        round_=PRUNE,
        now=now,
    )
