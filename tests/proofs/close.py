"""Proof that closing and charging happen once: `make prove-close`, `python -m tests.proofs.close`.

Closes months of two providers, one paying as it goes and one committed with an overage, and kills
the worker at a step of it: each statement, commit and request to Stripe, before and after, in
random order; often a second one too, sometimes two workers at once; while the Stripe stand-in loses
answers, fails and is busy, and its events arrive twice and out of order. Then a worker is left
alone, and the books are compared with what the stand-in charged. The last line is one JSON object.
"""

import os
import signal
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.proofs.run import Run, main, stripe_of_its_own

FIRST_MONTH = (2020, 1)
FAULTS = (
    {},
    {},
    {"kind": "commit_then_timeout"},
    {"kind": "timeout"},
    {"kind": "saved_500", "work": True},
    {"kind": "saved_500", "work": False},
    {"kind": "unsaved_500"},
    {"kind": "conflict"},
    {"kind": "rate_limit"},
)


def prove(run: Run) -> dict[str, Any]:
    """Hold the proof with providers and a stand-in of its own; what it came to."""
    from tests.proofs.close_stage import set_stage, take_down

    stages: list[Any] = []
    with stripe_of_its_own(run) as stripe:
        try:
            stages = [set_stage(stripe, is_committed=committed) for committed in (False, True)]
            _try_all(run, stages)
        finally:
            for stage in stages:
                take_down(stage)
    return run.told(
        "kills",
        "steps",
        "invoices",
        "charges",
        "charged_twice",
        "lost",
        "given_up",
        "tried_again",
        "faults",
        "events",
    )


def _try_all(run: Run, stages: list[Any]) -> None:
    from core.months import Month
    from tests.proofs.close_worker import Steps

    steps = Steps()
    months = {id(stage): Month(*FIRST_MONTH) for stage in stages}
    points: dict[int, list[int]] = {}
    for number in range(run.tries):
        stage = stages[number % len(stages)]
        month = months[id(stage)]
        months[id(stage)] = month.next
        if id(stage) not in points:
            # Once without a kill, to learn how many steps there are.
            _one_try(run, stage, month, steps=steps, kill_at=0, with_faults=False)
            run.counts["steps"] = max(run.counts["steps"], steps.taken[0])
            points[id(stage)] = []
            steps_of = list(range(1, steps.taken[0] + 1))
            months[id(stage)] = month.next.next
            month = month.next
            stage.steps = steps_of
        if not points[id(stage)]:
            points[id(stage)] = run.dice.sample(stage.steps, len(stage.steps))
        _one_try(run, stage, month, steps=steps, kill_at=points[id(stage)].pop())


def _one_try(
    run: Run, stage: Any, month: Any, *, steps: Any, kill_at: int, with_faults: bool = True
) -> None:
    from tests.proofs.close_worker import Task

    stage.join_someone(month)
    now = month.ends_at(stage.zone) + timedelta(minutes=run.dice.randrange(1, 3000))
    task = Task(provider=stage.provider, month=month, now=now)
    if with_faults:
        _order_fault(run, stage)
        _kill_some(run, stage, task, steps=steps, kill_at=kill_at)
    # Left alone: whoever died, this is what the next hour does.
    _let_work(run, stage, task, steps=steps, kill_at=0)
    _send_events(run, stage, task)
    # Two days on, so that nothing that was put off stays put off.
    later = replace(task, now=task.now + timedelta(days=2))
    _let_work(run, stage, later, steps=steps, kill_at=0, is_counted=False)
    _compare(run, stage, month)


def _order_fault(run: Run, stage: Any) -> None:
    stage.stripe.control("DELETE", "faults")
    order = dict(run.dice.choice(FAULTS))
    if order:
        run.counts["faults"] += 1
        stage.stripe.fault(**order, path="/v1/payment_intents")


def _kill_some(run: Run, stage: Any, task: Any, *, steps: Any, kill_at: int) -> None:
    _let_work(run, stage, task, steps=steps, kill_at=kill_at)
    chance = run.dice.random()
    if chance < 0.5:
        _let_work(run, stage, task, steps=steps, kill_at=run.dice.choice(stage.steps))
    elif chance < 0.75:
        _let_two_work(run, stage, task)
    if run.dice.random() < 0.3:
        _send_events(run, stage, task)


def _let_work(
    run: Run, stage: Any, task: Any, *, steps: Any, kill_at: int, is_counted: bool = True
) -> None:
    """One worker until it is done or dead; what it held comes back, as by time."""
    from tests.proofs.close_worker import give_back_leases, start

    taken = steps.taken[0]
    steps.arm(kill_at)
    _, status = os.waitpid(start(task, steps=steps), 0)
    _note_end(run, status, may_die=kill_at > 0)
    if not is_counted:
        steps.taken[0] = taken
    give_back_leases(stage.provider)


def _let_two_work(run: Run, stage: Any, task: Any) -> None:
    """Two schedulers at once, one of which dies somewhere."""
    from tests.proofs.close_worker import Steps, give_back_leases, start

    both = [Steps(), Steps()]
    both[0].arm(run.dice.choice(stage.steps))
    both[1].arm(0)
    started = [start(task, steps=steps) for steps in both]
    for pid, may_die in zip(started, (True, False), strict=True):
        _, status = os.waitpid(pid, 0)
        _note_end(run, status, may_die=may_die)
    give_back_leases(stage.provider)


def _note_end(run: Run, status: int, *, may_die: bool) -> None:
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and may_die:
        run.counts["kills"] += 1
    elif status:
        run.violations.append(f"a worker ended with status {status}")


def _send_events(run: Run, stage: Any, task: Any) -> None:
    from tests.proofs.events import send_events

    send_events(run, stage.stripe, now=task.now)


def _compare(run: Run, stage: Any, month: Any) -> None:
    """The month's books against what the stand-in did, and the numbers of all invoices."""
    run.violations += [f"{month}: {found}" for found in stage.wrong_books(month, run.counts)]


if __name__ == "__main__":
    raise SystemExit(main(prove, about=str(__doc__), unit="months closed under kills", tries=200))
