"""Proof that closing and charging happen once: `make prove-close`, `python -m tests.proofs.close`.

Closes months of two providers, one paying as it goes and one committed with an overage, and kills
the worker at a step of it: each statement, commit and request to Stripe, before and after, in
random order; often a second one too, sometimes two workers at once; while the Stripe stand-in loses
answers, fails and is busy, and its events arrive twice and out of order. Then a worker is left
alone, and the books are compared with what the stand-in charged. The last line is one JSON object.
"""

import argparse
import json
import os
import random
import secrets
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

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


@dataclass
class Run:
    """One proof: its dice and what came of it."""

    tries: int
    seed: int
    seconds: float = 0
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)


def prove(run: Run) -> dict[str, Any]:
    """Hold the proof with providers and a stand-in of its own; what it came to."""
    from django.test import override_settings

    from tests.proofs.close_stage import set_stage, take_down
    from tests.sandbox_fixtures import StripeStandIn, start_stripe_stand_in

    process, url = start_stripe_stand_in()
    stripe = StripeStandIn(url, account=f"proof{run.seed}")
    began = time.monotonic()
    stages: list[Any] = []
    try:
        with override_settings(STRIPE_API_KEY=stripe.secret_key, STRIPE_API_BASE=stripe.url):
            stages = [set_stage(stripe, is_committed=committed) for committed in (False, True)]
            _try_all(run, stages)
    finally:
        for stage in stages:
            take_down(stage)
        process.terminate()
        process.communicate(timeout=10)
    return {
        "violations": len(run.violations),
        "tries": run.tries,
        "kills": run.counts["kills"],
        "steps": run.counts["steps"],
        "invoices": run.counts["invoices"],
        "charges": run.counts["charges"],
        "charged_twice": run.counts["charged_twice"],
        "lost": run.counts["lost"],
        "given_up": run.counts["given_up"],
        "tried_again": run.counts["tried_again"],
        "faults": run.counts["faults"],
        "events": run.counts["events"],
        "seed": run.seed,
        "seconds": round(time.monotonic() - began, 1),
    }


def _try_all(run: Run, stages: list[Any]) -> None:
    from tests.proofs.close_worker import Steps
    from usage.periods import Month

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
    """The stand-in's latest events, some twice, in any order, through the portal's own door."""
    import stripe as sdk
    from django.conf import settings
    from django.test import Client

    from mtp.outbox.models import OutboxMessage

    found = stage.stripe.client().v1.events.list({"limit": 20}).to_dict()["data"]
    events = run.dice.sample(found, len(found)) + run.dice.sample(found, len(found) // 2)
    for event in events:
        body = json.dumps(event)
        signature = sdk.WebhookSignature.generate_signature_header(
            body, settings.STRIPE_WEBHOOK_SECRET
        )
        answer = Client().post(
            "/webhooks/stripe/",
            body,
            content_type="application/json",
            headers={"stripe-signature": signature, "host": "localhost"},
            secure=True,
        )
        run.counts["events"] += 1
        if answer.status_code not in (200, 400):
            run.violations.append(f"an event was answered {answer.status_code}")
    # The door notes the real time; the workers live in the story's.
    OutboxMessage.objects.filter(topic="billing.stripe_event", finished_at=None).update(
        due_at=task.now
    )


def _compare(run: Run, stage: Any, month: Any) -> None:
    """The month's books against what the stand-in did, and the numbers of all invoices."""
    run.violations += [f"{month}: {found}" for found in stage.wrong_books(month, run.counts)]


def _make_database() -> str:
    """A database of its own, so that no worker of a running portal takes part."""
    from django.db import connection
    from django.test.utils import setup_test_environment

    from accounts.schema_migrations import ProviderMigrations
    from accounts.schema_template import refresh_template

    setup_test_environment()
    connection.settings_dict["TEST"]["NAME"] = f"prove_close_{os.getpid()}"
    before = str(connection.settings_dict["NAME"])
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    refresh_template(migrations=ProviderMigrations(), now=datetime.now(tz=UTC))
    return before


def main() -> int:
    """Run the proof that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--tries", type=int, default=200, help="months closed under kills (200)")
    parser.add_argument("--seed", type=int, default=None, help="of the dice; random without it")
    asked = parser.parse_args()
    seed = secrets.randbelow(2**32) if asked.seed is None else asked.seed
    from django.db import connection

    run = Run(tries=asked.tries, seed=seed)
    before = _make_database()
    try:
        result = prove(run)
    finally:
        connection.set_schema_to_public()
        connection.creation.destroy_test_db(before, verbosity=0)
    for violation in run.violations:
        sys.stderr.write(f"violation: {violation}\n")
    sys.stdout.write(json.dumps(result) + "\n")
    return 1 if run.violations else 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mtp.settings")
    import django

    django.setup()
    raise SystemExit(main())
