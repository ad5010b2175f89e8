"""Work for all providers, in batches that share a task and a database connection."""

import itertools
import logging
from collections.abc import Callable, Iterable

from django.db import connection
from django.db.models import QuerySet

from accounts.models import Provider
from core.outbox.delivery import batch_wakeups

logger = logging.getLogger(__name__)

# A connection caches every schema that it enters (about 100 kB each), so each batch closes its own.
PROVIDERS_PER_TASK = 100


def active_providers() -> QuerySet[Provider]:
    """Providers with scheduled work, in order of their ids."""
    return Provider.objects.filter(state=Provider.State.ACTIVE).order_by("pk")


def batches(providers: QuerySet[Provider]) -> list[list[int]]:
    """The ids of these providers, in batches of one task each."""
    ids = iter(providers.values_list("pk", flat=True))
    return list(iter(lambda: list(itertools.islice(ids, PROVIDERS_PER_TASK)), []))


def for_each_provider(
    provider_ids: Iterable[int], do: Callable[[Provider], object], *, failed: str
) -> None:
    """Call `do` for each of these providers. A failure is logged; the other providers continue.

    `failed` is the log message, with `%s` for the provider. Workers are woken once, at the end.
    """
    try:
        with batch_wakeups():
            for provider in Provider.objects.filter(pk__in=list(provider_ids)).order_by("pk"):
                try:
                    do(provider)
                except Exception:
                    logger.exception(failed, provider)
    finally:
        close_connection()


def close_connection() -> None:
    """Close the connection after a batch, so that the next one starts with an empty cache."""
    if not connection.in_atomic_block:
        connection.close()
