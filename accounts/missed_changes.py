"""The safety net of the rounds: a look at providers that nothing made due (docs/decisions/0044).

A round that finds something to do for one of them missed a change or an instant: a defect of the
portal, about which operations get an alert. The provider is marked, so the next rounds do the work.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet

from accounts.due_providers import forward_changes, mark_changed, take_changes
from accounts.models import Provider
from accounts.provider_batches import (
    DueRound,
    active_providers,
    due_rounds,
    for_each_provider,
    on_their_server,
)
from accounts.rounds import scheduled_round
from core.operations.alerts import Cause, found_everywhere
from core.operations.kinds import alert_kind

# A whole pass costs what the rounds cost before they looked at changed providers only.
NIGHTS = 7
CHECK = scheduled_round(
    "missed_changes",
    title="Looking for changes that rounds missed",
    again=f"The check {NIGHTS} nights later tries again.",
)
MISSED = alert_kind("accounts.missed_change", title="A round missed a change")


def providers_of_night(*, now: datetime) -> QuerySet[Provider]:
    """The active providers whose turn it is: each once in `NIGHTS` nights."""
    night = now.date().toordinal() % NIGHTS
    turn: QuerySet[Provider] = active_providers().annotate(night=F("pk") % NIGHTS)
    return turn.filter(night=night)


def check_for_missed(provider_ids: Iterable[int], *, now: datetime) -> None:
    """Let each round look at those of these providers that are not due for it.

    What it would do is rolled back, an alert says so, and the provider is marked. An alert is
    settled by the next check that finds nothing.
    """
    missed: dict[str, list[Cause]] = {}

    def check(provider: Provider) -> None:
        found = [each for each in due_rounds() if _has_missed(each, provider, now=now)]
        missed[provider.schema_name] = [_cause(each, provider) for each in found]
        if found:
            mark_changed(Provider.objects.filter(pk=provider.pk))

    forward_changes()
    with on_their_server(provider_ids) as providers:
        take_changes()
        chosen = list(providers.values_list("pk", flat=True))
        for_each_provider(chosen, check, round_=CHECK, now=now)
        found_everywhere(kind=MISSED, causes=missed, schemas=list(missed), now=now)


def _has_missed(round_: DueRound, provider: Provider, *, now: datetime) -> bool:
    same = round_.providers(now=now).filter(pk=provider.pk)
    is_due = round_.due(now=now).filter(pk=provider.pk)
    if is_due.exists() or not same.exists():
        return False
    with transaction.atomic():
        found = round_.look(provider, now)
        transaction.set_rollback(found.has_changed)
    if not found.has_changed:
        return False
    # A change that was committed meanwhile has made it due.
    take_changes()
    return not is_due.exists()


def _cause(round_: DueRound, provider: Provider) -> Cause:
    return Cause(
        key=round_.round_.name,
        summary=f"{round_.round_.title}: it had work for {provider.name}, but no change and no "
        "date made it look. The next rounds do that work.",
        next_step="Report it to the developers: a table that the round reads has no trigger "
        "`provider_changed`, or the round named a later date than it had to. After a changed "
        "setting, nothing is wrong; run manage.py mark_providers then.",
    )
