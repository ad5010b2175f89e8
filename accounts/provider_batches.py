"""Work for all providers, in batches that share a task and a database connection."""

import itertools
import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import reduce
from operator import or_

from django.db import connection
from django.db.models import Q, QuerySet

from accounts.models import Provider
from accounts.rounds import Round, report_round
from accounts.stages import ALLOWED, Stage, Use
from core.outbox.delivery import batch_wakeups
from core.schema import drop_lost_connection

logger = logging.getLogger(__name__)

# A connection caches every schema that it enters (about 100 kB each), so each batch closes its own.
PROVIDERS_PER_TASK = 100


def active_providers() -> QuerySet[Provider]:
    """Providers with scheduled work, in order of their ids."""
    return Provider.objects.filter(state=Provider.State.ACTIVE).order_by("pk")


def working_providers(use: Use, *, now: datetime) -> QuerySet[Provider]:
    """Active providers whose account allows this work at `now`, in order of their ids."""
    leaves_later = Q(leaves_at=None) | Q(leaves_at__gt=now)
    in_stage = {
        Stage.OPEN: leaves_later,
        Stage.READ_ONLY: Q(leaves_at__lte=now) & (Q(closes_at=None) | Q(closes_at__gt=now)),
        Stage.CLOSED: Q(closes_at__lte=now),
    }
    allowed = [condition for stage, condition in in_stage.items() if use in ALLOWED[stage]]
    return active_providers().filter(reduce(or_, allowed))


def batches(providers: QuerySet[Provider]) -> list[list[int]]:
    """The ids of these providers, in batches of one task each."""
    ids = iter(providers.values_list("pk", flat=True))
    return list(iter(lambda: list(itertools.islice(ids, PROVIDERS_PER_TASK)), []))


def for_each_provider(
    provider_ids: Iterable[int],
    do: Callable[[Provider], object],
    *,
    round_: Round,
    now: datetime,
) -> None:
    """Call `do` for each of these providers. A failure is reported; the other providers continue.

    Workers are woken once, at the end.
    """
    failed: dict[str, BaseException] = {}
    worked: list[str] = []
    try:
        with batch_wakeups():
            for provider in Provider.objects.filter(pk__in=list(provider_ids)).order_by("pk"):
                try:
                    do(provider)
                except Exception as error:
                    logger.exception("%s of %s failed. %s", round_.title, provider, round_.again)
                    failed[provider.schema_name] = error
                    drop_lost_connection()
                else:
                    worked.append(provider.schema_name)
            report_round(round_, failed=failed, worked=worked, now=now)
    finally:
        close_connection()


def close_connection() -> None:
    """Close the connection after a batch, so that the next one starts with an empty cache."""
    if not connection.in_atomic_block:
        connection.close()
