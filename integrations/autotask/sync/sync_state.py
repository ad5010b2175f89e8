"""The sync state of mapped services: confirmed figures, used days, resolutions, pushes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from django.db.models import Max

from core.months import Month
from integrations.autotask.sync.plan import DriftResolution, SyncState
from integrations.models import Drift, Push, PushAnswer, PushReading, ServiceMapping

Decision = Drift.Decision
PushOutcome = PushReading.Outcome
TAKEN = frozenset({PushAnswer.Kind.ACCEPTED, PushAnswer.Kind.DUPLICATE})

Pushes = Mapping[int, Sequence[Push]]


def sync_states(
    *, mappings: Sequence[ServiceMapping], month: Month, pushes: Pushes
) -> dict[int, SyncState]:
    """The sync state of each mapping by its id; `pushes` are those of `pushes_of`."""
    decided = Drift.objects.filter(
        mapping__in=mappings,
        month=month.first_day,
        decision__in=(Decision.ACCEPT, Decision.OVERWRITE),
    )
    latest = {drift.mapping_id: drift for drift in decided.order_by("decided_at")}
    states = {}
    for mapping in mappings:
        own = pushes.get(mapping.pk, ())
        states[mapping.pk] = SyncState(
            mapping=mapping,
            confirmed_units=_confirmed_units(mapping, own),
            resolution=_resolution(latest.get(mapping.pk), own),
            used_days=frozenset(_used_days(own)),
        )
    return states


def pushes_of(*, mappings: Sequence[ServiceMapping], month: Month) -> Pushes:
    """The month's pushes by mapping, oldest first, with their answers and readings."""
    pushes: dict[int, list[Push]] = defaultdict(list)
    of_month = Push.objects.filter(mapping__in=mappings, month=month.first_day)
    for push in of_month.select_related("answer", "reading").order_by("serial"):
        pushes[push.mapping_id].append(push)
    return pushes


def last_serials(*, mappings: Sequence[ServiceMapping]) -> dict[int, int]:
    """The serial of each mapping's last push. Call it before reading the service.

    A worker that pushes between the two takes the next serial, so a plan on the older reading is
    not pushed.
    """
    counted = Push.objects.filter(mapping__in=mappings).values("mapping").annotate(Max("serial"))
    return dict(counted.values_list("mapping", "serial__max"))


def unresolved_pushes(*, mappings: Sequence[ServiceMapping] | None = None) -> list[Push]:
    """Pushes without a reading: a worker died, or Autotask could not be reached.

    Those of all mappings unless some are given.
    """
    unresolved = Push.objects.filter(reading=None)
    if mappings is not None:
        unresolved = unresolved.filter(mapping__in=mappings)
    return list(unresolved.select_related("run", "mapping__organization", "answer").order_by("pk"))


def answer_of(push: Push) -> PushAnswer | None:
    """The answer to the call, None where the call was cut off."""
    return getattr(push, "answer", None)


def reading_of(push: Push) -> PushReading | None:
    """The reading after the call, None while the push is unresolved."""
    return getattr(push, "reading", None)


def _used_days(pushes: Iterable[Push]) -> Iterable[date]:
    """Effective dates that Autotask has taken, or says it has: it takes no second one there."""
    for push in pushes:
        answer, reading = answer_of(push), reading_of(push)
        is_applied = reading is not None and reading.outcome == PushOutcome.APPLIED
        if is_applied or (answer is not None and answer.kind in TAKEN):
            yield push.effective_date


def _confirmed_units(mapping: ServiceMapping, pushes: Sequence[Push]) -> int | None:
    """The units confirmed last.

    Without any, the first push may have met a person's edit: then the units read before that push,
    so that the edit is drift and is not overwritten.
    """
    if mapping.confirmed_units is not None or not pushes:
        return mapping.confirmed_units
    reading = reading_of(pushes[-1])
    is_drifted = reading is not None and reading.outcome == PushOutcome.DRIFTED
    return pushes[-1].units_before if is_drifted else None


def _resolution(drift: Drift | None, pushes: Sequence[Push]) -> DriftResolution | None:
    """The person's decision, until one push has carried it out."""
    if drift is None or drift.decided_serial is None:
        return None
    for push in pushes:
        reading = reading_of(push)
        is_done = reading is not None and reading.outcome != PushOutcome.NOT_APPLIED
        if is_done and push.serial > drift.decided_serial:
            return None
    target = drift.persons_units if drift.decision == Decision.ACCEPT else None
    if target == drift.observed_units:
        return None
    return DriftResolution(drift.observed_units, drift.observed_cost_total, target)
