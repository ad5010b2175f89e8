"""What became of a push, from its answer and from what was read back. Pure.

The answer alone proves nothing: an error can come after the change was made. The units alone don't
either, when a person changed them in the same moment; together they leave no change unseen.
"""

from dataclasses import dataclass

from integrations.models import Push, PushAnswer, PushReading

Verdict = PushReading.Verdict
Kind = PushAnswer.Kind


@dataclass(frozen=True, slots=True)
class PushOutcome:
    """A verdict; `theirs` is the number a person set, where somebody did."""

    verdict: PushReading.Verdict
    theirs: int | None = None


def push_outcome(
    *,
    push: Push,
    answer: PushAnswer.Kind | None,
    units: int | None,
    cost_agrees: bool | None,
    earlier: Push | None = None,
) -> PushOutcome:
    """What became of `push`; `answer` None was cut off, `units` None is a service that is gone.

    `earlier` is one of the same service and day whose outcome stayed unknown: when this one is
    refused as its duplicate, the earlier one was done after all.
    """
    if units is None:
        return PushOutcome(Verdict.VANISHED)
    if push.delta == 0:
        return _of_cost(push, answer, units, cost_agrees=cost_agrees)
    if units == push.units_target:
        return PushOutcome(Verdict.APPLIED)
    return _of_others(push, answer, units, earlier)


def _of_others(
    push: Push, answer: PushAnswer.Kind | None, units: int, earlier: Push | None
) -> PushOutcome:
    """Where the target was not reached: our change is still in it wherever it was accepted."""
    if answer == Kind.ACCEPTED:
        return PushOutcome(Verdict.DRIFTED, theirs=units - push.delta)
    if units != push.units_before:
        return PushOutcome(Verdict.DRIFTED, theirs=units)
    if answer == Kind.DUPLICATE and earlier is not None:
        return PushOutcome(Verdict.DRIFTED, theirs=units - earlier.delta)
    return PushOutcome(Verdict.NOT_APPLIED)


def _of_cost(
    push: Push, answer: PushAnswer.Kind | None, units: int, *, cost_agrees: bool | None
) -> PushOutcome:
    if units != push.units_before:
        return PushOutcome(Verdict.DRIFTED, theirs=units)
    is_done = answer == Kind.ACCEPTED or cost_agrees is True
    return PushOutcome(Verdict.APPLIED if is_done else Verdict.NOT_APPLIED)
