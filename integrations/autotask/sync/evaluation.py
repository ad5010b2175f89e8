"""Reading the services that a run still has to check in a month, and judging each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from core.months import Month
from integrations.autotask.api.errors import AutotaskError
from integrations.autotask.sync.desired import desired_for, desired_of
from integrations.autotask.sync.observation import read_services
from integrations.autotask.sync.plan import Action, Decision, plan
from integrations.autotask.sync.push_resolution import retry_at
from integrations.autotask.sync.service_month import Observed, ServiceMonth, SyncState
from integrations.autotask.sync.slices import Slice
from integrations.autotask.sync.sync_state import (
    Pushes,
    answer_of,
    last_serials,
    pushes_of,
    sync_state_of,
    unresolved,
)
from integrations.models import Push, PushAnswer, ServiceMapping

# Pushes to one service in one run; nothing was done by the ones before the last.
MOST_ATTEMPTS = 4
# A push that can't be read back is looked for again this often, and for so long in one run.
LOOK_AGAIN = timedelta(minutes=5)
LOOKED_FOR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class MonthSync:
    """A month of a slice, with what it should come to. `is_over`: the month has ended."""

    slice: Slice
    month: Month
    is_over: bool
    marks: Mapping[int, int]
    unit_cost: Decimal | None

    @classmethod
    def of(cls, part: Slice, month: Month) -> "MonthSync":
        """The walk over a month, with the marks of all organizations in one statement."""
        marks, unit_cost = desired_of(month=month)
        is_over = month < Month.of(part.now, part.zone)
        return cls(slice=part, month=month, is_over=is_over, marks=marks, unit_cost=unit_cost)

    def case(self, mapping: ServiceMapping, *, found: Observed, known: SyncState) -> ServiceMonth:
        """What is to be decided about a mapping."""
        return ServiceMonth(
            known=known,
            found=found,
            wanted=desired_for(mapping=mapping, marks=self.marks, unit_cost=self.unit_cost),
            month=self.month,
            today=self.slice.now.astimezone(self.slice.zone).date(),
            policy=self.slice.policy,
        )


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A mapping with the decision on it, or the `problem` with reading it.

    `serial` is how many pushes it had when it was read, `earlier` those of the month.
    """

    mapping: ServiceMapping
    case: ServiceMonth | None = None
    decision: Decision | None = None
    problem: str = ""
    serial: int = 0
    earlier: Sequence[Push] = ()

    @property
    def is_to_push(self) -> bool:
        """Whether something is to be sent."""
        return self.decision is not None and self.decision.do is Action.PUSH


def due(walk: MonthSync) -> list[ServiceMapping]:
    """The living mappings that this run has not checked for the month yet.

    The month before is due until its final mark is there; older ones are for a person.
    """
    run, first_day = walk.slice.run, walk.month.first_day
    living = ServiceMapping.objects.living().filter(first_month__lte=first_day)
    if run.mapping_id is not None:
        living = living.filter(pk=run.mapping_id)
    if walk.is_over:
        living = living.exclude(settled_through__gte=first_day)
    done = run.checks.filter(month=first_day).values("mapping")
    return list(living.exclude(pk__in=done).select_related("organization").order_by("pk"))


def evaluate(walk: MonthSync, mappings: Sequence[ServiceMapping]) -> list[Evaluation]:
    """Read and judge these services but those that rest. Raises `AutotaskError`."""
    loose = {push.mapping_id: push for push in unresolved(mappings=mappings)}
    judged = [problem for push in loose.values() if (problem := _not_read_back(walk, push))]
    pushes = pushes_of(mappings=mappings, month=walk.month)
    settled = [one for one in mappings if one.pk not in loose]
    awake = [one for one in settled if not _rests(walk, pushes.get(one.pk, ()))]
    return judged + (_look(walk, awake, pushes) if awake else [])


def _not_read_back(walk: MonthSync, push: Push) -> Evaluation | None:
    """Nothing is decided on a service before its last push was looked at, in whatever month."""
    if walk.slice.now < push.created_at + LOOKED_FOR:
        walk.slice.rests.append(walk.slice.now + LOOK_AGAIN)
        return None
    sent = f"{push.created_at.astimezone(walk.slice.zone):%-d %B %Y, %H:%M}"
    problem = f"The change sent on {sent} can't be read back; nothing more is sent until it is."
    return Evaluation(mapping=push.mapping, problem=problem)


def _look(walk: MonthSync, awake: Sequence[ServiceMapping], pushes: Pushes) -> list[Evaluation]:
    # Asked before reading: whoever pushes between the two makes our next number taken.
    serials = last_serials(mappings=awake)
    known = sync_state_of(mappings=awake, month=walk.month, pushes=pushes)
    reading = read_services(client=walk.slice.client, mappings=awake, month=walk.month)
    judged = []
    for mapping in awake:
        found, earlier = reading[mapping.pk], pushes.get(mapping.pk, ())
        if isinstance(found, AutotaskError):
            judged.append(Evaluation(mapping=mapping, problem=str(found)))
            continue
        case = walk.case(mapping, found=found, known=known[mapping.pk])
        judged.append(
            Evaluation(
                mapping=mapping,
                case=case,
                decision=_limited(walk, plan(case), earlier),
                serial=serials.get(mapping.pk, 0),
                earlier=earlier,
            )
        )
    return judged


def _rests(walk: MonthSync, pushes: Sequence[Push]) -> bool:
    until = retry_at(push=pushes[-1]) if pushes else None
    if until is None or until <= walk.slice.now:
        return False
    walk.slice.rests.append(until)
    return True


def _limited(walk: MonthSync, decision: Decision, pushes: Sequence[Push]) -> Decision:
    """Not the same thing over and over in one run."""
    own = [push for push in pushes if push.run_id == walk.slice.run.pk]
    if decision.do is not Action.PUSH or len(own) < MOST_ATTEMPTS:
        return decision
    answer = answer_of(own[-1])
    words = answer.text if answer and answer.text else str(PushAnswer.Kind.UNKNOWN.label)
    reason = f"Sent {len(own)} times without any effect. The last answer: {words}"
    return replace(decision, do=Action.ASK_PERSON, reason=reason)
