"""Work for all providers, in batches that share a task and a database connection."""

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import itemgetter, or_

from django.db import connection
from django.db.models import Q, QuerySet

from accounts.due_providers import (
    changes_of,
    due_among,
    forward_changes,
    record_looks,
    take_changes,
)
from accounts.models import Provider
from accounts.releases import this_release
from accounts.rounds import Look, Round, report_round
from accounts.stages import ALLOWED, Stage, Use
from core.outbox.delivery import batch_wakeups
from core.schema import ProviderMoves, drop_lost_connection
from core.servers import DIRECTORY, current_server, from_each_server, has_many, on_server

logger = logging.getLogger(__name__)

# A connection caches every schema that it enters (about 100 kB each), so each batch closes its own.
PROVIDERS_PER_TASK = 100


def active_providers() -> QuerySet[Provider]:
    """Providers with scheduled work, in order of their ids.

    One whose schema this release can't serve is left out: a statement over many schemas would fail
    for all of them.
    """
    release = this_release()
    return Provider.objects.filter(
        state=Provider.State.ACTIVE,
        expand_steps__gte=release.expand,
        contract_steps__lte=release.contract,
    ).order_by("pk")


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
    """The ids of these providers, in batches of one task each; those of one have one server."""
    rows = providers.order_by("server", "pk").values_list("server", "pk")
    found: list[list[int]] = []
    for _, of_server in itertools.groupby(rows, key=itemgetter(0)):
        ids = [pk for _, pk in of_server]
        found += (
            ids[start : start + PROVIDERS_PER_TASK]
            for start in range(0, len(ids), PROVIDERS_PER_TASK)
        )
    return found


@contextmanager
def on_their_server(provider_ids: Iterable[int]) -> Iterator[QuerySet[Provider]]:
    """Enter the server of a batch; yields its providers, in order of ids.

    One that moved since the batch was made is left out: the next round finds it. Ends with a closed
    connection, so that the next batch starts with an empty cache.
    """
    chosen = Provider.objects.filter(pk__in=list(provider_ids)).order_by("pk")
    server = DIRECTORY
    if has_many():
        server = chosen.values_list("server", flat=True).first() or DIRECTORY
        chosen = chosen.filter(server=server)
    with on_server(server):
        try:
            yield chosen
        finally:
            close_connection()


@dataclass(frozen=True, slots=True)
class DueRound:
    """A round over the providers with a change or a due instant since its last look at them.

    `look` does the round's work for one provider; `use` is what an account must allow.
    """

    round_: Round
    use: Use
    look: Callable[[Provider, datetime], Look]

    def providers(self, *, now: datetime) -> QuerySet[Provider]:
        """The providers that the round is for, due or not."""
        return working_providers(self.use, now=now)

    def due(self, *, now: datetime) -> QuerySet[Provider]:
        """Those of them that the round has to look at, by the changes taken so far."""
        return due_among(self.providers(now=now), round_=self.round_, now=now)


_due_rounds: dict[str, DueRound] = {}


def due_round(round_: Round, *, use: Use, look: Callable[[Provider, datetime], Look]) -> DueRound:
    """Register a round that looks at due providers only; `check_marks` checks each of them."""
    due = _due_rounds[round_.name] = DueRound(round_, use, look)
    return due


def due_rounds() -> list[DueRound]:
    """Every registered round."""
    return list(_due_rounds.values())


def due_batches(round_: DueRound, *, now: datetime) -> list[list[int]]:
    """The ids of the providers that the round has to look at, in batches of one task each.

    Those of a server that does not answer are left to the next round.
    """
    forward_changes()

    def due_here() -> list[list[int]]:
        take_changes()
        return batches(round_.due(now=now).filter(server=current_server()))

    return [batch for found in from_each_server(due_here).values() for batch in found]


def look_at_due(provider_ids: Iterable[int], *, round_: DueRound, now: datetime) -> int:
    """Do the round's work for those of these providers that are still due.

    Returns for how many of them it changed something. One that fails stays due.
    """
    changed = 0

    def look(provider: Provider) -> None:
        nonlocal changed
        found = round_.look(provider, now)
        changed += found.has_changed
        record_looks(round_=round_.round_, seen=seen, again_at={provider.pk: found.again_at})

    with on_their_server(provider_ids) as providers:
        seen = _still_due(providers, round_=round_, now=now)
        for_each_provider(seen, look, round_=round_.round_, now=now)
    return changed


def look_together(
    provider_ids: Iterable[int],
    look: Callable[[Sequence[Provider]], Mapping[int, datetime | None]],
    *,
    round_: DueRound,
    now: datetime,
) -> None:
    """As `look_at_due`, with one call for all of them.

    It reports its failures itself, and returns when to look again at the providers that worked.
    """
    with on_their_server(provider_ids) as chosen:
        seen = _still_due(chosen, round_=round_, now=now)
        providers = list(Provider.objects.filter(pk__in=seen).order_by("pk"))
        record_looks(round_=round_.round_, seen=seen, again_at=look(providers))


def _still_due(providers: QuerySet[Provider], *, round_: DueRound, now: datetime) -> dict[int, int]:
    """The changes taken so far of those of these providers that are due, read before their rows."""
    due = round_.due(now=now).filter(pk__in=providers.values("pk"))
    return changes_of(list(due.values_list("pk", flat=True)))


def for_each_provider(
    provider_ids: Iterable[int],
    do: Callable[[Provider], object],
    *,
    round_: Round,
    now: datetime,
) -> None:
    """Call `do` for each of these providers. A failure is reported; the other providers continue.

    One whose schema this release can't serve is left to the next round, and has an alert already
    (`accounts.provisioning.release`). Workers are woken once, at the end.
    """
    failed: dict[str, BaseException] = {}
    worked: list[str] = []
    with on_their_server(provider_ids) as providers, batch_wakeups():
        for provider in providers:
            if not provider.is_at_this_release:
                continue
            try:
                do(provider)
            except ProviderMoves:
                logger.info("%s of %s waits for its move. %s", round_.title, provider, round_.again)
            except Exception as error:
                logger.exception("%s of %s failed. %s", round_.title, provider, round_.again)
                failed[provider.schema_name] = error
                drop_lost_connection()
            else:
                worked.append(provider.schema_name)
        report_round(round_, failed=failed, worked=worked, now=now)


def close_connection() -> None:
    """Close the connection after a batch, so that the next one starts with an empty cache."""
    if not connection.in_atomic_block:
        connection.close()
