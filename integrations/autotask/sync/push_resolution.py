"""After sending: read back, compare, decide what became of each push, and never send it again."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from integrations.autotask.api.entities import UnitRow
from integrations.autotask.sync.push_outcome import PushOutcome, Verdict, push_outcome
from integrations.autotask.sync.results import Changed, Result, open_drift
from integrations.autotask.sync.service_month import ServiceMonth
from integrations.autotask.sync.sync_state import answer_of, reading_of
from integrations.models import Push, PushAnswer, PushReading
from integrations.models.runs import Outcome

Kind = PushAnswer.Kind
# A request that was cut off may still be carried out: nothing is decided anew before.
REST = timedelta(minutes=15)


def resolve(
    *, push: Push, case: ServiceMonth, earlier: Sequence[Push], now: datetime
) -> Result | None:
    """Add the reading of a push, and say what came of its service in this run.

    None where the same run may decide anew, on a new reading: nothing was done, for certain or as
    far as can be seen. `earlier` are the month's pushes of the mapping before this one.
    """
    answer = answer_of(push)
    kind = Kind(answer.kind) if answer else None
    row = case.row if case.found.line is not None else None
    finding = push_outcome(
        push=push,
        answer=kind,
        units=row.units if row else None,
        cost_agrees=case.cost_agrees(),
        earlier=None if _is_decided(case, row) else _unknown_of_same_day(push, earlier),
    )
    # Whoever came first has said it: a reading stays as it is.
    push.reading, _ = PushReading.objects.get_or_create(
        push=push,
        defaults={
            "units": row.units if row else None,
            "cost_total": row.cost if row else None,
            "verdict": finding.verdict,
            "at": now,
        },
    )
    return _result_of(push, finding, case, row, now=now)


def _result_of(
    push: Push, finding: PushOutcome, case: ServiceMonth, row: UnitRow | None, *, now: datetime
) -> Result | None:
    answer = answer_of(push)
    if finding.verdict == Verdict.VANISHED or row is None:
        return _result(push, Outcome.NEEDS_PERSON, reason=case.problem())
    if finding.verdict == Verdict.APPLIED:
        is_hidden = row.cost is None and row.units > 0
        reason = (
            "The API user can't read costs: the unit cost is not confirmed." if is_hidden else ""
        )
        return _result(push, Outcome.CHANGED, after=row.units, reason=reason)
    if finding.verdict == Verdict.DRIFTED:
        # A call that was cut off may still be carried out, on top of what was read.
        return None if _is_unknown(answer) else _drifted(push, finding, case, row, now=now)
    if answer is not None and answer.kind == Kind.REFUSED:
        return _result(push, Outcome.REFUSED, after=row.units, reason=answer.text)
    return None


def _drifted(
    push: Push, finding: PushOutcome, case: ServiceMonth, row: UnitRow, *, now: datetime
) -> Result:
    theirs = row.units if finding.theirs is None else finding.theirs
    changed = Changed(
        mapping=push.mapping,
        expected=push.units_target,
        found=row.units,
        theirs=theirs,
        wanted=case.wanted.units,
        found_cost=row.cost,
    )
    open_drift(changed=changed, month=case.month, now=now)
    ours = f", and our change of {row.units - theirs:+d} came on top" if theirs != row.units else ""
    reason = (
        f"Somebody changed the units in Autotask to {theirs} while they were being set{ours}. "
        "An Administrator with Billing decides which number stands."
    )
    return _result(push, Outcome.DRIFT, after=row.units, reason=reason)


def retry_at(*, push: Push | None) -> datetime | None:
    """Until when nothing is decided anew after this push, the mapping's last."""
    if push is None:
        return None
    if _is_unknown(answer_of(push)) and _was_unseen(reading_of(push)):
        return push.created_at + REST
    return None


def _is_decided(case: ServiceMonth, row: UnitRow | None) -> bool:
    """Whether a person has decided on exactly these figures: whose they are is no question then."""
    ordered = case.known.ordered
    return ordered is not None and row is not None and ordered.holds_for(row)


def _unknown_of_same_day(push: Push, earlier: Sequence[Push]) -> Push | None:
    """An earlier push that this one would be a duplicate of, had it been done."""
    for known in reversed(earlier):
        is_open = _is_unknown(answer_of(known)) and _was_unseen(reading_of(known))
        if known.effective_date == push.effective_date and is_open:
            return known
    return None


def _is_unknown(answer: PushAnswer | None) -> bool:
    return answer is None or answer.kind == Kind.UNKNOWN


def _was_unseen(reading: PushReading | None) -> bool:
    """Whether the target was not there when it was looked for: it may have come later."""
    return reading is not None and reading.verdict in {Verdict.NOT_APPLIED, Verdict.DRIFTED}


def _result(push: Push, outcome: Outcome, *, after: int | None = None, reason: str = "") -> Result:
    return Result(
        mapping=push.mapping,
        outcome=outcome,
        reason=reason,
        before=push.units_before,
        wanted=push.units_target,
        after=after,
        unit_cost=push.unit_cost,
    )
