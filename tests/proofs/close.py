"""Proof that closing and charging happen once: `make prove-close`, `python -m tests.proofs.close`.

Closes months of two providers, one pay-as-you-go and one with a commitment and overage, and kills
the worker at a step: before or after each statement, commit and request to Stripe, in random order.
Often a second worker is killed too, sometimes two work at once. Meanwhile the Stripe stand-in loses
responses, fails and is busy, and its events arrive twice and out of order. Then a worker finishes
without faults, and the invoices are compared with the stand-in's charges. The last line is one JSON
object.
"""

import os
import signal
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.proofs.run import Run, main, separate_stripe

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
    """Run the proof with two providers and a separate stand-in; returns its result."""
    from tests.proofs.close_stage import create_stage, drop_stage

    stages: list[Any] = []
    with separate_stripe(run) as stripe:
        try:
            stages = [create_stage(stripe, is_committed=committed) for committed in (False, True)]
            _try_all(run, stages)
        finally:
            for stage in stages:
                drop_stage(stage)
    return run.result(
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
            # The first month runs without a kill, to count the steps.
            _one_try(run, stage, month, steps=steps, kill_at=0, with_faults=False)
            run.counts["steps"] = max(run.counts["steps"], steps.taken[0])
            points[id(stage)] = []
            months[id(stage)] = month.next.next
            month = month.next
            stage.steps = list(range(1, steps.taken[0] + 1))
        if not points[id(stage)]:
            points[id(stage)] = run.dice.sample(stage.steps, len(stage.steps))
        _one_try(run, stage, month, steps=steps, kill_at=points[id(stage)].pop())


def _one_try(
    run: Run, stage: Any, month: Any, *, steps: Any, kill_at: int, with_faults: bool = True
) -> None:
    from tests.proofs.close_worker import Task

    stage.add_user(month)
    now = month.ends_at(stage.zone) + timedelta(minutes=run.dice.randrange(1, 3000))
    task = Task(provider=stage.provider, month=month, now=now)
    if with_faults:
        _set_fault(run, stage)
        _work_with_kills(run, stage, task, steps=steps, kill_at=kill_at)
    # No more faults: one worker does the work of the next hour.
    _run_worker(run, stage, task, steps=steps, kill_at=0)
    _send_events(run, stage, task)
    # Two days later, postponed messages are due.
    later = replace(task, now=task.now + timedelta(days=2))
    _run_worker(run, stage, later, steps=steps, kill_at=0, is_counted=False)
    _compare(run, stage, month)


def _set_fault(run: Run, stage: Any) -> None:
    stage.stripe.control("DELETE", "faults")
    fault = dict(run.dice.choice(FAULTS))
    if fault:
        run.counts["faults"] += 1
        stage.stripe.fault(**fault, path="/v1/payment_intents")


def _work_with_kills(run: Run, stage: Any, task: Any, *, steps: Any, kill_at: int) -> None:
    _run_worker(run, stage, task, steps=steps, kill_at=kill_at)
    chance = run.dice.random()
    if chance < 0.5:
        _run_worker(run, stage, task, steps=steps, kill_at=run.dice.choice(stage.steps))
    elif chance < 0.75:
        _run_two_workers(run, stage, task)
    if run.dice.random() < 0.3:
        _send_events(run, stage, task)


def _run_worker(
    run: Run, stage: Any, task: Any, *, steps: Any, kill_at: int, is_counted: bool = True
) -> None:
    """Run a worker until it ends or is killed, then release its leases as their expiry does."""
    from tests.proofs.close_worker import release_leases, start

    taken = steps.taken[0]
    steps.arm(kill_at)
    _, status = os.waitpid(start(task, steps=steps), 0)
    _check_end(run, status, may_die=kill_at > 0)
    if not is_counted:
        steps.taken[0] = taken
    release_leases(stage.provider)


def _run_two_workers(run: Run, stage: Any, task: Any) -> None:
    """Run two workers at once, one of which is killed at some step."""
    from tests.proofs.close_worker import Steps, release_leases, start

    both = [Steps(), Steps()]
    both[0].arm(run.dice.choice(stage.steps))
    both[1].arm(0)
    started = [start(task, steps=steps) for steps in both]
    for pid, may_die in zip(started, (True, False), strict=True):
        _, status = os.waitpid(pid, 0)
        _check_end(run, status, may_die=may_die)
    release_leases(stage.provider)


def _check_end(run: Run, status: int, *, may_die: bool) -> None:
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and may_die:
        run.counts["kills"] += 1
    elif status:
        run.violations.append(f"a worker ended with status {status}")


def _send_events(run: Run, stage: Any, task: Any) -> None:
    from tests.proofs.events import send_events

    send_events(run, stage.stripe, now=task.now)


def _compare(run: Run, stage: Any, month: Any) -> None:
    """Compare the month with the stand-in's charges, and check the numbers of all invoices."""
    run.violations += [f"{month}: {error}" for error in stage.errors(month, run.counts)]


if __name__ == "__main__":
    raise SystemExit(main(prove, about=str(__doc__), unit="months closed under kills", tries=200))
