"""One month of a run: observe the services that are due, plan, push in small batches, read back."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from core.months import Month
from integrations.autotask.api.client import Client
from integrations.autotask.api.errors import AutotaskError
from integrations.autotask.claims import TAKEN
from integrations.autotask.sync.desired import desired_quantities
from integrations.autotask.sync.observation import observe
from integrations.autotask.sync.plan import (
    Action,
    Decision,
    Observed,
    ServiceMonth,
    SyncState,
    plan,
)
from integrations.autotask.sync.push_outcomes import resolve, retry_at
from integrations.autotask.sync.pushes import Planned, send
from integrations.autotask.sync.results import Result, open_drift, record
from integrations.autotask.sync.sync_state import (
    Pushes,
    answer_of,
    last_serials,
    pushes_of,
    sync_states,
    unresolved_pushes,
)
from integrations.choices import DatePolicy
from integrations.models import Push, PushAnswer, ServiceMapping, SyncRun
from integrations.models.runs import Outcome

# Pushes between two readings: the fewer, the shorter a person's edit goes unseen.
CHUNK = 50
# Pushes to one service in one run.
MOST_ATTEMPTS = 4
# An unresolved push is read back this often, and for so long in one run.
READ_BACK_EVERY = timedelta(minutes=5)
READ_BACK_FOR = timedelta(hours=1)

OUTCOMES = {
    Action.NOTHING: Outcome.UNCHANGED,
    Action.WAIT: Outcome.WAITS,
    Action.KEEP: Outcome.KEPT,
    Action.ASK_ABOUT_DRIFT: Outcome.DRIFT,
    Action.ASK_PERSON: Outcome.NEEDS_PERSON,
    Action.PUSH: Outcome.WOULD_CHANGE,
}


@dataclass(kw_only=True)
class Slice:
    """One worker's share of a run, with one connection to Autotask.

    `ends_at` is on the monotonic clock, in seconds. `retries` collects when services that wait can
    be planned again. `was_cut`: time ran out before every service was checked.
    """

    run: SyncRun
    client: Client
    zone: ZoneInfo
    policy: DatePolicy
    now: datetime
    ends_at: float
    taken: Collection[int] = ()
    retries: list[datetime] = field(default_factory=list)
    was_cut: bool = False

    def has_time(self) -> bool:
        """Whether another batch may begin."""
        self.was_cut = self.was_cut or time.monotonic() >= self.ends_at
        return not self.was_cut


@dataclass(frozen=True, kw_only=True)
class MonthSync:
    """A month of a slice with its desired quantities. `is_over`: the month has ended."""

    slice: Slice
    month: Month
    is_over: bool
    quantities: Mapping[int, int]
    unit_cost: Decimal | None

    @classmethod
    def of(cls, part: Slice, month: Month) -> "MonthSync":
        """The sync of a month; reads the quantities of all organizations in one statement."""
        quantities, unit_cost = desired_quantities(month=month)
        is_over = month < Month.of(part.now, part.zone)
        return cls(
            slice=part, month=month, is_over=is_over, quantities=quantities, unit_cost=unit_cost
        )

    def service(self, state: SyncState, observed: Observed) -> ServiceMonth:
        """The service as `plan()` takes it: desired units are without non-billable users."""
        quantity = self.quantities.get(state.mapping.organization_id, 0)
        return ServiceMonth(
            state=state,
            observed=observed,
            desired_units=max(0, quantity - state.mapping.non_billable_users),
            unit_cost=self.unit_cost,
            month=self.month,
            today=self.slice.now.astimezone(self.slice.zone).date(),
            policy=self.slice.policy,
        )

    def due(self) -> list[ServiceMapping]:
        """The living mappings that this run has not checked for the month.

        An ended month is due until it is synced; the run takes the current and the previous month.
        """
        run, first_day = self.slice.run, self.month.first_day
        living = ServiceMapping.objects.living().filter(first_month__lte=first_day)
        if run.mapping_id is not None:
            living = living.filter(pk=run.mapping_id)
        if self.is_over:
            living = living.exclude(synced_through__gte=first_day)
        done = run.checks.filter(month=first_day).values("mapping")
        return list(living.exclude(pk__in=done).select_related("organization").order_by("pk"))

    def record(self, results: Sequence[Result], *, run: SyncRun) -> None:
        """Store results of this month for the run."""
        record(run=run, month=self.month, results=results, is_over=self.is_over, now=self.slice.now)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A mapping with its decision, or with the `problem` of reading it, whose `outcome` it has.

    `serial` is that of its last push before the reading.
    """

    mapping: ServiceMapping
    service: ServiceMonth | None = None
    decision: Decision | None = None
    problem: str = ""
    outcome: Outcome = Outcome.FAILED
    serial: int = 0

    @property
    def is_push(self) -> bool:
        """Whether the decision is to push."""
        return self.decision is not None and self.decision.action is Action.PUSH


def sync_month(sync: MonthSync) -> None:
    """Check every service that is due, and push where the plan says so.

    Raises `AutotaskError` for an error that concerns all services; results until then are stored.
    """
    is_preview = not sync.slice.run.may_push
    while sync.slice.has_time():
        evaluations = _evaluate(sync, sync.due())
        to_push = [one for one in evaluations if one.is_push and not is_preview]
        _record_checks(sync, [one for one in evaluations if is_preview or not one.is_push])
        for start in range(0, len(to_push), CHUNK):
            chunk = to_push[start : start + CHUNK]
            if start:
                if not sync.slice.has_time():
                    return
                # The first chunk was read a moment ago; the others need a fresh reading.
                chunk = _evaluate(sync, [one.mapping for one in chunk])
            _push(sync, chunk)
        if not to_push:
            return


def settle_unresolved_pushes(part: Slice) -> None:
    """Read back the pushes that an earlier worker sent and did not read back.

    Raises `AutotaskError`. Until a push is read back, nothing else is sent to its service.
    """
    unresolved = unresolved_pushes()
    for first_day in sorted({push.month for push in unresolved}):
        sync = MonthSync.of(part, Month.of_day(first_day))
        _read_back(sync, [push for push in unresolved if push.month == first_day])


def _evaluate(sync: MonthSync, mappings: Sequence[ServiceMapping]) -> list[Evaluation]:
    """Observe and plan these services, except those that wait. Raises `AutotaskError`."""
    taken = [one for one in mappings if one.contract_service_id in sync.slice.taken]
    mappings = [one for one in mappings if one not in taken]
    unresolved = {push.mapping_id: push for push in unresolved_pushes(mappings=mappings)}
    problems = [each for push in unresolved.values() if (each := _not_read_back(sync, push))]
    problems += [
        Evaluation(mapping=one, problem=TAKEN, outcome=Outcome.NEEDS_PERSON) for one in taken
    ]
    pushes = pushes_of(mappings=mappings, month=sync.month)
    ready = [
        mapping
        for mapping in mappings
        if mapping.pk not in unresolved and not _waits(sync, pushes.get(mapping.pk, ()))
    ]
    return problems + (_plan_all(sync, ready, pushes) if ready else [])


def _not_read_back(sync: MonthSync, push: Push) -> Evaluation | None:
    """The problem of a push that can't be read back for long; until then its service waits."""
    if sync.slice.now < push.created_at + READ_BACK_FOR:
        sync.slice.retries.append(sync.slice.now + READ_BACK_EVERY)
        return None
    sent = f"{push.created_at.astimezone(sync.slice.zone):%-d %B %Y, %H:%M}"
    problem = f"The change sent on {sent} can't be read back; nothing more is sent until it is."
    return Evaluation(mapping=push.mapping, problem=problem)


def _waits(sync: MonthSync, pushes: Sequence[Push]) -> bool:
    until = retry_at(push=pushes[-1]) if pushes else None
    if until is None or until <= sync.slice.now:
        return False
    sync.slice.retries.append(until)
    return True


def _plan_all(
    sync: MonthSync, mappings: Sequence[ServiceMapping], pushes: Pushes
) -> list[Evaluation]:
    # Before the reading, so that of two workers with the same reading only one can push.
    serials = last_serials(mappings=mappings)
    states = sync_states(mappings=mappings, month=sync.month, pushes=pushes)
    observations = observe(client=sync.slice.client, mappings=mappings, month=sync.month)
    evaluations = []
    for mapping in mappings:
        observed = observations[mapping.pk]
        if isinstance(observed, AutotaskError):
            evaluations.append(Evaluation(mapping=mapping, problem=str(observed)))
            continue
        service = sync.service(states[mapping.pk], observed)
        evaluations.append(
            Evaluation(
                mapping=mapping,
                service=service,
                decision=_limited(sync, plan(service), pushes.get(mapping.pk, ())),
                serial=serials.get(mapping.pk, 0),
            )
        )
    return evaluations


def _limited(sync: MonthSync, decision: Decision, pushes: Sequence[Push]) -> Decision:
    """The decision, or to ask a person after too many pushes of this run without an effect."""
    own = [push for push in pushes if push.run_id == sync.slice.run.pk]
    if decision.action is not Action.PUSH or len(own) < MOST_ATTEMPTS:
        return decision
    answer = answer_of(own[-1])
    text = answer.text if answer and answer.text else str(PushAnswer.Kind.UNKNOWN.label)
    reason = f"Sent {len(own)} times without any effect. The last answer: {text}"
    return replace(decision, action=Action.ASK_PERSON, reason=reason)


def _record_checks(sync: MonthSync, evaluations: Sequence[Evaluation]) -> None:
    sync.record([_result_of(sync, one) for one in evaluations], run=sync.slice.run)


def _result_of(sync: MonthSync, one: Evaluation) -> Result:
    if one.decision is None or one.service is None:
        return Result(mapping=one.mapping, outcome=one.outcome, reason=one.problem)
    decision, service, row = one.decision, one.service, one.service.row
    is_drift = decision.action is Action.ASK_ABOUT_DRIFT
    if is_drift and row is not None and sync.slice.run.may_push:
        open_drift(
            mapping=one.mapping,
            row=row,
            expected_units=service.state.confirmed_units or 0,
            persons_units=row.units,
            desired_units=service.desired_units,
            month=sync.month,
            now=sync.slice.now,
        )
    return Result(
        mapping=one.mapping,
        outcome=OUTCOMES[decision.action],
        reason=decision.reason,
        before=decision.before,
        desired=decision.target,
        after=decision.before,
        unit_cost=service.unit_cost,
        price_total=row.price if row else None,
        is_cost_confirmed=decision.action is Action.NOTHING and service.cost_agrees() is True,
    )


def _push(sync: MonthSync, evaluations: Sequence[Evaluation]) -> None:
    _record_checks(sync, [one for one in evaluations if not one.is_push])
    pushes, stopped = send(
        client=sync.slice.client,
        run=sync.slice.run,
        month=sync.month,
        planned=[
            Planned(mapping=one.mapping, decision=one.decision, serial=one.serial)
            for one in evaluations
            if one.decision is not None and one.is_push
        ],
        now=sync.slice.now,
    )
    _read_back(sync, pushes)
    if stopped is not None:
        raise stopped


def _read_back(sync: MonthSync, pushes: Sequence[Push]) -> None:
    """Resolve these pushes from a fresh reading. One that can't be read stays unresolved."""
    if not pushes:
        return
    mappings = [push.mapping for push in pushes]
    observations = observe(client=sync.slice.client, mappings=mappings, month=sync.month)
    of_month = pushes_of(mappings=mappings, month=sync.month)
    states = sync_states(mappings=mappings, month=sync.month, pushes=of_month)
    results: list[tuple[SyncRun, Result]] = []
    for push in pushes:
        observed = observations[push.mapping_id]
        if isinstance(observed, AutotaskError):
            continue
        service = sync.service(states[push.mapping_id], observed)
        earlier = [one for one in of_month[push.mapping_id] if one.serial < push.serial]
        result = resolve(push=push, service=service, earlier=earlier, now=sync.slice.now)
        if result is not None:
            price_total = service.row.price if service.row else None
            results.append((push.run, replace(result, price_total=price_total)))
    # A result belongs to the run that sent the push, even if that run is over.
    for run in {run for run, _ in results}:
        sync.record([result for of, result in results if of == run], run=run)
