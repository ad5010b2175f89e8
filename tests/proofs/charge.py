"""Proof that a debt is charged once: `make prove-charge`, `python -m tests.proofs.charge`.

Each try closes three months of a provider and lets three workers charge the invoices at once. Each
worker is killed at one of seven points of a charge (`charge_worker`). Meanwhile the stand-in loses
responses, saves failures under the idempotency key, is busy, slow or in conflict; the bank declines
for a while; events arrive twice and out of order; a new card is added during the close. Then one
worker finishes without faults, and the invoices are compared with the stand-in's charges. The last
line is one JSON object.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any

from tests.proofs.run import Run, main, separate_stripe

# All months are past: the stand-in dates payments by the real time, and a look-up asks for those
# since the attempt's own, simulated time.
FIRST_MONTH = (2012, 1)
TRIES_A_PROVIDER = 50
WORKERS = 3
WAVES = 3
MONTHS = 3
# Each new card is the other one, and is charged what the previous one left unpaid.
CARDS = ("pm_card_mastercard", "pm_card_visa")
DECLINES = ("insufficient_funds", "do_not_honor", "processing_error")
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "commit_then_timeout"},
    {"kind": "commit_then_timeout", "times": 3},
    {"kind": "timeout"},
    {"kind": "saved_500", "work": True},
    {"kind": "saved_500", "work": False},
    {"kind": "unsaved_500"},
    {"kind": "conflict"},
    {"kind": "rate_limit", "times": 2},
    {"kind": "slow", "seconds": 0.3},
    {"kind": "timeout", "method": "GET"},
)


def prove(run: Run) -> dict[str, Any]:
    """Run the proof with pairs of providers and a separate stand-in; returns its result."""
    from core.months import Month
    from tests.proofs.close_stage import create_stage, drop_stage

    stages: list[Any] = []
    kills: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    with separate_stripe(run) as stripe:
        try:
            first = Month(*FIRST_MONTH)
            for _ in range(-(-run.tries // (2 * TRIES_A_PROVIDER))):
                stages += [
                    create_stage(stripe, is_committed=committed, first=first)
                    for committed in (False, True)
                ]
            for stage in stages:
                months = _months_from(first)
                for _ in range(run.tries // len(stages)):
                    three = list(islice(months, MONTHS))
                    _one_try(run, stage, three, kills=kills, faults=faults)
                _reconcile(run, stage, next(months))
        finally:
            for stage in stages:
                drop_stage(stage)
    result = run.result(
        "charged_twice",
        "lost",
        "books_differ",
        "invoices",
        "charges",
        "given_up",
        "tried_again",
        "cards_replaced",
        "events",
    )
    return result | {"kills": _by_point(kills), "faults": dict(sorted(faults.items()))}


def _months_from(month: Any) -> Iterator[Any]:
    while True:
        yield month
        month = month.next


def _by_point(kills: Counter[str]) -> dict[str, int]:
    from tests.proofs.charge_worker import Point

    return {str(point): kills[point] for point in Point}


def _one_try(
    run: Run, stage: Any, months: list[Any], *, kills: Counter[str], faults: Counter[str]
) -> None:
    from tests.proofs.close_worker import Task, close_and_deliver, fork

    for each in months:
        stage.add_user(each)
    now = months[-1].ends_at(stage.zone) + timedelta(minutes=run.dice.randrange(1, 3000))
    tasks = [Task(provider=stage.provider, month=each, now=now) for each in months]
    # The workers close the last month, racing each other and a new card.
    for task in tasks[:-1]:
        _wait_for(run, {fork(partial(close_and_deliver, task, minutes=())): None}, kills)
    planned = _plan_faults(run, stage)
    card = _decline_for_a_while(run, stage)
    for _ in range(WAVES):
        _run_workers(run, stage, tasks[-1], kills)
        if run.dice.random() < 0.5:
            _send_events(run, stage, tasks[-1])
    _count_faults(stage, planned, faults)
    if card:
        stage.stripe.control("POST", "cards", payment_method=card, answer=None)
    # No more faults: one worker does the work of the following days.
    for days in (0, 2, 4):
        later = replace(tasks[-1], now=now + timedelta(days=days))
        _wait_for(run, {fork(partial(close_and_deliver, later)): None}, kills)
        _release_leases(stage)
        if days == 0:
            _send_events(run, stage, later)
    for each in months:
        run.violations += [f"{each}: {error}" for error in stage.errors(each, run.counts)]


def _plan_faults(run: Run, stage: Any) -> Counter[str]:
    stage.stripe.control("DELETE", "faults")
    planned: Counter[str] = Counter()
    for fault in run.dice.sample(FAULTS, run.dice.randrange(4)):
        stage.stripe.fault(**fault, path="/v1/payment_intents", skip=run.dice.randrange(3))
        planned[fault["kind"]] += fault.get("times", 1)
    return planned


def _count_faults(stage: Any, planned: Counter[str], faults: Counter[str]) -> None:
    """Add the planned faults that a request met to `faults`."""
    left: Counter[str] = Counter()
    for fault in stage.stripe.control("GET", "faults")["faults"]:
        left[fault["kind"]] += fault["times"]
    faults.update(planned - left)
    stage.stripe.control("DELETE", "faults")


def _decline_for_a_while(run: Run, stage: Any) -> str:
    """Sometimes let the bank decline the current card; returns the card's id, or an empty text."""
    from billing.models import PaymentMethod
    from core.schema import provider_schema

    if run.dice.random() > 0.25:
        return ""
    with provider_schema(stage.provider):
        card = PaymentMethod.objects.current()
    if card is None:
        return ""
    reference = str(card.stripe_payment_method_id)
    stage.stripe.control(
        "POST", "cards", payment_method=reference, answer=run.dice.choice(DECLINES)
    )
    return reference


def _run_workers(run: Run, stage: Any, task: Any, kills: Counter[str]) -> None:
    """Run several workers at once; most are killed, and one may add a new card."""
    from tests.proofs import charge_worker
    from tests.proofs.close_worker import fork

    started: dict[int, Any] = {}
    for number in range(WORKERS):
        fate = draw_fate(run)
        action: Callable[[], None] = partial(charge_worker.work, task, fate)
        if number == 0 and run.dice.random() < 0.3:
            intent = _new_card(run, stage)
            action = partial(charge_worker.replace_card, task, fate, setup_intent_id=intent)
        started[fork(action)] = fate.point
    _wait_for(run, started, kills)
    _release_leases(stage)


def draw_fate(run: Run) -> Any:
    """Draw the point at which a worker is killed, or none in one case of ten."""
    from tests.proofs.charge_worker import Fate, Point

    if run.dice.random() < 0.1:
        return Fate()
    return Fate(run.dice.choice(list(Point)), times=run.dice.choice((1, 1, 1, 2)))


def _new_card(run: Run, stage: Any) -> str:
    """Enter a new card as a browser does; returns the id of its SetupIntent."""
    from billing.gateway import client as gateway
    from billing.payments.cards import begin_card_setup
    from core.actors import SYSTEM_ACTOR
    from core.schema import provider_schema

    with provider_schema(stage.provider):
        secret = begin_card_setup(provider=stage.provider, actor=SYSTEM_ACTOR)
    intent = secret.partition("_secret_")[0]
    token = CARDS[run.counts["cards_replaced"] % len(CARDS)]
    gateway.client().v1.setup_intents.confirm(intent, {"payment_method": token})
    run.counts["cards_replaced"] += 1
    return intent


def _wait_for(run: Run, started: dict[int, Any], kills: Counter[str]) -> None:
    """Wait until these processes are killed at their point or end with status 0."""
    for pid, point in started.items():
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and point:
            kills[point] += 1
        elif status:
            run.violations.append(f"a worker ended with status {status}")


def _release_leases(stage: Any) -> None:
    from tests.proofs.close_worker import release_leases

    release_leases(stage.provider)


def _send_events(run: Run, stage: Any, task: Any) -> None:
    from tests.proofs.events import send_events

    send_events(run, stage.stripe, now=task.now)


def _reconcile(run: Run, stage: Any, month: Any) -> None:
    """Check that the product's reconciliation with Stripe finds no difference."""
    from billing.reconciliation.payments import reconcile

    stage.provider.refresh_from_db()
    differences = reconcile(provider=stage.provider, now=month.ends_at(stage.zone))
    run.counts["books_differ"] += len(differences)
    run.violations += [f"reconciliation: {difference}" for difference in differences]


if __name__ == "__main__":
    raise SystemExit(main(prove, about=str(__doc__), unit="tries of three months each", tries=200))
