"""Rounds of the clock over all providers: portions that share a task and a connection."""

import itertools
import logging
from collections.abc import Callable, Iterable

from django.db import connection
from django.db.models import QuerySet

from accounts.models import Provider
from core.outbox.delivery import batch_wakeups

logger = logging.getLogger(__name__)

# A connection keeps what it learned of every schema it touched (some 100 kB each), so it is closed
# after so many providers.
PROVIDERS_PER_TASK = 100


def active_providers() -> QuerySet[Provider]:
    """Those that the clock works for, in the order of their ids."""
    return Provider.objects.filter(state=Provider.State.ACTIVE).order_by("pk")


def batches(providers: QuerySet[Provider]) -> list[list[int]]:
    """The ids of these providers, in portions for a task each."""
    ids = iter(providers.values_list("pk", flat=True))
    return list(iter(lambda: list(itertools.islice(ids, PROVIDERS_PER_TASK)), []))


def for_each_provider(
    provider_ids: Iterable[int], do: Callable[[Provider], object], *, failed: str
) -> None:
    """Do it for each of these providers; one that fails is logged and holds up no other.

    `failed` is what the log says, with `%s` for the provider. Workers are woken once, at the end.
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
    """End a portion: the next begins with a connection that knows of no schema."""
    if not connection.in_atomic_block:
        connection.close()
