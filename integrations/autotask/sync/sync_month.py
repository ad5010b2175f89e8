"""One month of a run: check what is due, push in small portions, read back, record."""

from collections.abc import Sequence
from dataclasses import replace

from core.months import Month
from integrations.autotask.api.errors import AutotaskError
from integrations.autotask.sync.evaluation import Evaluation, MonthSync, due, evaluate
from integrations.autotask.sync.observation import read_services
from integrations.autotask.sync.plan import Action
from integrations.autotask.sync.push_resolution import resolve
from integrations.autotask.sync.pushes import Planned, send
from integrations.autotask.sync.results import Changed, Result, open_drift, record
from integrations.autotask.sync.slices import Slice
from integrations.autotask.sync.sync_state import pushes_of, sync_state_of, unresolved
from integrations.models import Push, SyncRun
from integrations.models.runs import Outcome

# Sent between one reading and the next: the fewer, the shorter a person's edit goes unseen.
CHUNK = 50

OUTCOMES = {
    Action.NOTHING: Outcome.UNCHANGED,
    Action.WAIT: Outcome.WAITS,
    Action.KEEP: Outcome.KEPT,
    Action.ASK_ABOUT_DRIFT: Outcome.DRIFT,
    Action.ASK_PERSON: Outcome.NEEDS_PERSON,
    Action.PUSH: Outcome.WOULD_CHANGE,
}


def sync_month(walk: MonthSync) -> None:
    """Check every service that is due, and push where something is to be changed.

    Raises `AutotaskError` for what concerns all services; everything done until then is recorded.
    """
    is_trial = not walk.slice.run.may_push
    while walk.slice.has_time():
        judged = evaluate(walk, due(walk))
        to_push = [one for one in judged if one.is_to_push and not is_trial]
        _record_looks(walk, [one for one in judged if is_trial or not one.is_to_push])
        for start in range(0, len(to_push), CHUNK):
            chunk = to_push[start : start + CHUNK]
            if start and not walk.slice.has_time():
                return
            # The first portion was read a moment ago, the others are read anew.
            _push(walk, chunk if not start else evaluate(walk, [one.mapping for one in chunk]))
        if not to_push:
            return


def settle_unresolved_pushes(part: Slice) -> None:
    """Read back what an earlier worker sent and could not look at any more.

    Raises `AutotaskError`; nothing else may be sent to these services before.
    """
    loose = unresolved()
    for first_day in sorted({push.month for push in loose}):
        walk = MonthSync.of(part, Month.of_day(first_day))
        _read_back(walk, [push for push in loose if push.month == first_day])


def _record_looks(walk: MonthSync, judged: Sequence[Evaluation]) -> None:
    _record(walk, [_result_of(walk, one) for one in judged], run=walk.slice.run)


def _result_of(walk: MonthSync, one: Evaluation) -> Result:
    if one.decision is None or one.case is None:
        return Result(mapping=one.mapping, outcome=Outcome.FAILED, reason=one.problem)
    decision, row = one.decision, one.case.row
    if decision.do is Action.ASK_ABOUT_DRIFT and row is not None and walk.slice.run.may_push:
        changed = Changed(
            mapping=one.mapping,
            expected=one.case.known.confirmed_units or 0,
            found=row.units,
            theirs=row.units,
            wanted=one.case.wanted.units,
            found_cost=row.cost,
        )
        open_drift(changed=changed, month=walk.month, now=walk.slice.now)
    return Result(
        mapping=one.mapping,
        outcome=OUTCOMES[decision.do],
        reason=decision.reason,
        before=decision.before,
        wanted=decision.target,
        after=decision.before,
        unit_cost=one.case.wanted.unit_cost,
        price_total=one.case.price_total,
        is_cost_confirmed=decision.do is Action.NOTHING and one.case.cost_agrees() is True,
    )


def _push(walk: MonthSync, judged: Sequence[Evaluation]) -> None:
    _record_looks(walk, [one for one in judged if not one.is_to_push])
    pushes, stopped = send(
        client=walk.slice.client,
        run=walk.slice.run,
        month=walk.month,
        planned=[
            Planned(mapping=one.mapping, decision=one.decision, serial=one.serial)
            for one in judged
            if one.decision is not None and one.is_to_push
        ],
        now=walk.slice.now,
    )
    _read_back(walk, pushes)
    if stopped is not None:
        raise stopped


def _read_back(walk: MonthSync, pushes: Sequence[Push]) -> None:
    """Look at what came of these pushes. One that can't be read now stays unresolved."""
    if not pushes:
        return
    mappings = [push.mapping for push in pushes]
    reading = read_services(client=walk.slice.client, mappings=mappings, month=walk.month)
    of_month = pushes_of(mappings=mappings, month=walk.month)
    known = sync_state_of(mappings=mappings, month=walk.month, pushes=of_month)
    results: list[tuple[SyncRun, Result]] = []
    for push in pushes:
        found = reading[push.mapping_id]
        if isinstance(found, AutotaskError):
            continue
        earlier = [one for one in of_month[push.mapping_id] if one.serial < push.serial]
        case = walk.case(push.mapping, found=found, known=known[push.mapping_id])
        result = resolve(push=push, case=case, earlier=earlier, now=walk.slice.now)
        if result is not None:
            results.append((push.run, replace(result, price_total=case.price_total)))
    # To the run that sent it, which may be over: what was found out is kept where it belongs.
    for run in {run for run, _ in results}:
        _record(walk, [result for of, result in results if of == run], run=run)


def _record(walk: MonthSync, results: Sequence[Result], *, run: SyncRun) -> None:
    record(
        run=run,
        month=walk.month,
        results=results,
        is_over=walk.is_over,
        now=walk.slice.now,
    )
