"""What our records know of mapped services: figures confirmed, days used, orders, loose ends."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from django.db.models import Max

from core.months import Month
from integrations.autotask.sync.service_month import DriftResolution, SyncState
from integrations.models import Drift, Push, PushAnswer, PushReading, ServiceMapping

Decision = Drift.Decision
ENDS_A_DAY = frozenset({PushReading.Verdict.APPLIED})
TAKEN = frozenset({PushAnswer.Kind.ACCEPTED, PushAnswer.Kind.DUPLICATE})


Pushes = Mapping[int, Sequence[Push]]


def sync_state_of(
    *, mappings: Sequence[ServiceMapping], month: Month, pushes: Pushes
) -> dict[int, SyncState]:
    """What is known of each mapping by its id; `pushes` are those of `pushes_of`."""
    decided = _decided_drifts(mappings, month)
    return {
        mapping.pk: SyncState(
            company_id=mapping.company_id,
            contract_id=mapping.contract_id,
            contract_name=mapping.contract_name,
            service_id=mapping.service_id,
            service_name=mapping.service_name,
            line_id=mapping.contract_service_id,
            confirmed_units=_confirmed(mapping, pushes.get(mapping.pk, ())),
            confirmed_cost=mapping.confirmed_unit_cost,
            confirmed_month=mapping.confirmed_month,
            kept=_kept(mapping),
            ordered=_ordered(decided.get(mapping.pk), pushes.get(mapping.pk, ())),
            used_days=frozenset(used_days(pushes.get(mapping.pk, ()))),
        )
        for mapping in mappings
    }


def pushes_of(*, mappings: Sequence[ServiceMapping], month: Month) -> Pushes:
    """The month's pushes by mapping, oldest first, with their answers and readings."""
    found: dict[int, list[Push]] = defaultdict(list)
    of_month = Push.objects.filter(mapping__in=mappings, month=month.first_day)
    for push in of_month.select_related("answer", "reading").order_by("serial"):
        found[push.mapping_id].append(push)
    return found


def last_serials(*, mappings: Sequence[ServiceMapping]) -> dict[int, int]:
    """How many pushes each mapping has had in all. To be asked before its service is read."""
    counted = Push.objects.filter(mapping__in=mappings).values("mapping").annotate(Max("serial"))
    return dict(counted.values_list("mapping", "serial__max"))


def unresolved(*, mappings: Sequence[ServiceMapping] | None = None) -> list[Push]:
    """Pushes that nobody has read back: a worker died, or Autotask could not be reached.

    Those of all mappings unless some are named.
    """
    loose = Push.objects.filter(reading=None)
    if mappings is not None:
        loose = loose.filter(mapping__in=mappings)
    return list(loose.select_related("run", "mapping__organization", "answer").order_by("pk"))


def used_days(pushes: Iterable[Push]) -> Iterable[date]:
    """Effective dates that Autotask has taken, or said it had: it takes no second one there."""
    for push in pushes:
        answer, reading = answer_of(push), reading_of(push)
        if (answer and answer.kind in TAKEN) or (reading and reading.verdict in ENDS_A_DAY):
            yield push.effective_date


def answer_of(push: Push) -> PushAnswer | None:
    """What came back, None where the call was cut off."""
    return getattr(push, "answer", None)


def reading_of(push: Push) -> PushReading | None:
    """What was read back, None while it is unresolved."""
    return getattr(push, "reading", None)


def _confirmed(mapping: ServiceMapping, pushes: Sequence[Push]) -> int | None:
    """What was last agreed; before that what was read ahead of a push that met a person's edit.

    Without it the first push's edit would pass for a number nobody has decided on yet.
    """
    if mapping.confirmed_units is not None or not pushes:
        return mapping.confirmed_units
    reading = reading_of(pushes[-1])
    has_met = reading is not None and reading.verdict == PushReading.Verdict.DRIFTED
    return pushes[-1].units_before if has_met else None


def _kept(mapping: ServiceMapping) -> tuple[date, int] | None:
    if mapping.kept_month is None or mapping.kept_units is None:
        return None
    return mapping.kept_month, mapping.kept_units


def _decided_drifts(mappings: Sequence[ServiceMapping], month: Month) -> dict[int, Drift]:
    """Each mapping's latest drift of the month that a person has decided."""
    decided = Drift.objects.filter(
        mapping__in=mappings,
        month=month.first_day,
        decision__in=(Decision.ACCEPT, Decision.OVERWRITE),
    )
    return {drift.mapping_id: drift for drift in decided.order_by("decided_at")}


def _ordered(drift: Drift | None, pushes: Sequence[Push]) -> DriftResolution | None:
    """The person's word, until it was carried out once."""
    if drift is None or drift.decided_serial is None:
        return None
    if any(_carries_out(push, since=drift.decided_serial) for push in pushes):
        return None
    target = drift.theirs_units if drift.decision == Decision.ACCEPT else None
    if target == drift.observed_units:
        return None
    return DriftResolution(drift.observed_units, drift.observed_cost_total, target)


def _carries_out(push: Push, *, since: int) -> bool:
    reading = reading_of(push)
    is_done = reading is not None and reading.verdict != PushReading.Verdict.NOT_APPLIED
    return is_done and push.serial > since
