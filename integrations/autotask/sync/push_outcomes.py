"""Push outcomes: read a push back, compare, report, and never send it again.

The answer alone proves nothing, since an error can come after Autotask has made the change. The
units alone prove nothing either, since a person can change them in the same moment. Together they
leave no change unseen.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from integrations.autotask.api.entities import UnitRow
from integrations.autotask.sync.plan import ServiceMonth
from integrations.autotask.sync.results import Result, open_drift
from integrations.autotask.sync.sync_state import answer_of, reading_of
from integrations.models import Push, PushAnswer, PushReading
from integrations.models.runs import Outcome

Kind = PushAnswer.Kind
PushOutcome = PushReading.Outcome
# Autotask may still carry out a request that was cut off: no new plan before this has passed.
RETRY_AFTER = timedelta(minutes=15)


def resolve(
    *, push: Push, service: ServiceMonth, earlier: Sequence[Push], now: datetime
) -> Result | None:
    """Store the reading of a push, and return the result of its service in this run.

    Return None if this run may plan again from a fresh reading. `earlier` are the month's pushes of
    the mapping before this one.
    """
    row = service.row if service.observed.line is not None else None
    resolution = service.state.resolution
    # A person has decided on exactly these figures, so they raise no new question.
    is_decided = resolution is not None and row is not None and resolution.holds_for(row)
    outcome, persons_units = _outcome(
        push,
        row,
        cost_agrees=service.cost_agrees(),
        earlier=None if is_decided else _unknown_of_same_day(push, earlier),
    )
    # Of two workers that read a push back, the first one's reading stays.
    push.reading, _ = PushReading.objects.get_or_create(
        push=push,
        defaults={
            "units": row.units if row else None,
            "cost_total": row.cost if row else None,
            "outcome": outcome,
            "at": now,
        },
    )
    return _result_of(push, outcome, persons_units, service, row, now=now)


def retry_at(*, push: Push) -> datetime | None:
    """When the service may be planned again after its last push; None if at once."""
    return push.created_at + RETRY_AFTER if _is_unknown(push) else None


def _outcome(
    push: Push, row: UnitRow | None, *, cost_agrees: bool | None, earlier: Push | None
) -> tuple[PushReading.Outcome, int | None]:
    """The outcome, and the units that a person set, if one did.

    `earlier` is a push of the same service and day whose outcome is unknown: if Autotask refuses
    this one as its duplicate, the earlier one was applied.
    """
    if row is None:
        return PushOutcome.VANISHED, None
    answer = answer_of(push)
    kind = answer.kind if answer else None
    if push.delta == 0 and row.units == push.units_before:
        is_applied = kind == Kind.ACCEPTED or cost_agrees is True
        return (PushOutcome.APPLIED if is_applied else PushOutcome.NOT_APPLIED), None
    if row.units == push.units_target:
        return PushOutcome.APPLIED, None
    if kind == Kind.ACCEPTED or row.units != push.units_before:
        # An accepted change is in the units, on top of the person's number.
        return PushOutcome.DRIFTED, row.units - (push.delta if kind == Kind.ACCEPTED else 0)
    if kind == Kind.DUPLICATE and earlier is not None:
        return PushOutcome.DRIFTED, row.units - earlier.delta
    return PushOutcome.NOT_APPLIED, None


def _result_of(
    push: Push,
    outcome: PushReading.Outcome,
    persons_units: int | None,
    service: ServiceMonth,
    row: UnitRow | None,
    *,
    now: datetime,
) -> Result | None:
    answer = answer_of(push)
    if row is None:
        return _result(push, Outcome.NEEDS_PERSON, reason=service.problem())
    if outcome == PushOutcome.APPLIED:
        is_hidden = row.cost is None and row.units > 0
        unread = "The API user can't read costs: the unit cost is not confirmed."
        return _result(push, Outcome.CHANGED, after=row.units, reason=unread if is_hidden else "")
    if outcome == PushOutcome.DRIFTED:
        # Autotask may still add the change of a call that was cut off.
        if answer is None or answer.kind == Kind.UNKNOWN:
            return None
        return _drifted(
            push, row, row.units if persons_units is None else persons_units, service, now
        )
    if answer is not None and answer.kind == Kind.REFUSED:
        return _result(push, Outcome.REFUSED, after=row.units, reason=answer.text)
    return None


def _drifted(
    push: Push, row: UnitRow, persons_units: int, service: ServiceMonth, now: datetime
) -> Result:
    open_drift(
        mapping=push.mapping,
        row=row,
        expected_units=push.units_target,
        persons_units=persons_units,
        desired_units=service.desired_units,
        month=service.month,
        now=now,
    )
    ours = row.units - persons_units
    reason = (
        f"A person changed the units in Autotask to {persons_units} while they were being set"
        f"{f', and our change of {ours:+d} came on top' if ours else ''}. "
        "An Administrator with Billing decides which number stands."
    )
    return _result(push, Outcome.DRIFT, after=row.units, reason=reason)


def _unknown_of_same_day(push: Push, earlier: Sequence[Push]) -> Push | None:
    """The last earlier push of the same day whose outcome is unknown."""
    same_day = (one for one in reversed(earlier) if one.effective_date == push.effective_date)
    return next((one for one in same_day if _is_unknown(one)), None)


def _is_unknown(push: Push) -> bool:
    """Whether the call was cut off and its target not seen: it may have been applied later."""
    answer, reading = answer_of(push), reading_of(push)
    return (answer is None or answer.kind == Kind.UNKNOWN) and (
        reading is not None and reading.outcome in {PushOutcome.NOT_APPLIED, PushOutcome.DRIFTED}
    )


def _result(push: Push, outcome: Outcome, *, after: int | None = None, reason: str = "") -> Result:
    return Result(
        mapping=push.mapping,
        outcome=outcome,
        reason=reason,
        before=push.units_before,
        desired=push.units_target,
        after=after,
        unit_cost=push.unit_cost,
    )
