"""Proof that the order of Stripe's events does not matter: `make prove-hooks`.

Two stories of six events each, from a payment begun at a link to a dispute decided, come in in all
720 orders: once, each twice with its work done twice, and all again under other ids; with Stripe as
it stands at the end, and as early as each event can be there. Every order has to end in the same
books, and in the right ones. `python -m tests.proofs.hooks [--tries ORDERS]` tells one JSON object
last.
"""

from collections.abc import Callable, Mapping
from itertools import permutations
from typing import Any

from tests.proofs.run import Run, main, stripe_of_its_own

ALL = 720
MONTH = (2020, 1)
Events = list[tuple[int, Mapping[str, Any]]]


def once(order: Events) -> Events:
    """Each event once."""
    return order


def each_twice(order: Events) -> Events:
    """Each event again right after itself, as when an answer was lost."""
    return [event for event in order for _ in range(2)]


def all_again(order: Events) -> Events:
    """All events, and then all backwards under ids of their own: the same news told otherwise."""
    again = [(step, {**event, "id": f"{event['id']}_again"}) for step, event in reversed(order)]
    return [*order, *again]


PATTERNS: dict[str, Callable[[Events], Events]] = {
    "once": once,
    "each_twice": each_twice,
    "all_again": all_again,
    "as_it_happens": once,
}


def prove(run: Run) -> dict[str, Any]:
    """Hold the proof with a provider and a stand-in of its own; what it came to."""
    from core.months import Month
    from tests.proofs import hooks_stage
    from tests.proofs.close_stage import set_stage, take_down

    with stripe_of_its_own(run) as stripe:
        for tell in (hooks_stage.taken_back, hooks_stage.left_alone):
            stage = set_stage(stripe, is_committed=False)
            try:
                _tell(run, stage, tell(stage, Month(*MONTH)))
            finally:
                take_down(stage)
    return run.told("orders", "runs", "events", "repeated", "different_ends", "wrong_ends")


def _tell(run: Run, stage: Any, story: Any) -> None:
    orders = list(permutations(story.events))
    if run.tries < len(orders):
        orders = run.dice.sample(orders, run.tries)
    run.counts["orders"] += len(orders)
    for name, pattern in PATTERNS.items():
        ends: dict[str, Any] = {}
        for order in orders:
            # A refund heard of before it failed left a credit note, which stays once it is issued.
            told = _heard_early(order) if name == "as_it_happens" else ""
            end = _run(run, stage, story, pattern(list(order)), name)
            expected = ends.setdefault(told, end)
            if end != expected:
                run.counts["different_ends"] += 1
                run.violations.append(f"{story.name}, {name}: {end} and not {expected}")
        for end in ends.values():
            _check_end(run, story, end)


def _heard_early(order: tuple[tuple[int, Mapping[str, Any]], ...]) -> str:
    """Whether a refund that failed later was heard of while it still stood."""
    for _, event in order:
        if event["type"] == "refund.created":
            return "early"
        if event["type"] in ("refund.failed", "charge.dispute.created", "charge.dispute.closed"):
            return ""
    return ""


def _run(run: Run, stage: Any, story: Any, arrivals: Events, pattern: str) -> dict[str, Any]:
    """One order from the beginning, undone afterwards; the books at its end.

    Messages are done as they come: leases, mails and documents are other proofs'.
    """
    from django.db import transaction

    from tests.proofs.hooks_stage import books, repeated_words

    now_at = [0 if pattern == "as_it_happens" else len(story.answers) - 1]
    with transaction.atomic(), story.told_as_after(lambda: now_at[0]):
        for step, event in arrivals:
            now_at[0] = seen_at(now_at[0], step)
            run.counts["events"] += 1
            run.counts["repeated"] += not _arrive(stage, event)
            _work(stage, again=pattern == "each_twice")
        end = books(stage, story)
        run.violations += [f"{story.name}, {pattern}: {told}" for told in repeated_words(stage)]
        transaction.set_rollback(True)
    run.counts["runs"] += 1
    return end


def seen_at(before: int, step: int) -> int:
    """Where Stripe's history stands when an event of this step is acted on: it is asked anew."""
    return max(before, step)


def _arrive(stage: Any, event: Mapping[str, Any]) -> bool:
    """The event at the portal's door, signed; whether it was new."""
    import json

    import stripe as sdk
    from django.conf import settings

    from billing.webhooks.inbox import receive, verified_event

    body = json.dumps(event)
    signature = sdk.WebhookSignature.generate_signature_header(body, settings.STRIPE_WEBHOOK_SECRET)
    told = verified_event(body=body.encode(), signature=signature)
    return receive(event=told, now=_now(stage))


def _now(stage: Any) -> Any:
    from datetime import timedelta

    from core.months import Month

    return Month(*MONTH).ends_at(stage.zone) + timedelta(hours=2)


def _work(stage: Any, *, again: bool) -> None:
    """What came in is done; with `again` by a worker that dies after it, and by another."""
    from contextlib import nullcontext

    from billing import topics
    from core.outbox.models import OutboxMessage
    from core.outbox.topics import topic_named
    from core.schema import schema_named

    for topic in (topics.STRIPE_EVENT_OWNER, topics.STRIPE_EVENT):
        for message in OutboxMessage.objects.filter(topic=topic, finished_at=None):
            schema = message.schema_name
            for _ in range(1 + again):
                with schema_named(schema) if schema else nullcontext():
                    topic_named(topic).handler(message.payload, _now(stage))
            OutboxMessage.objects.filter(pk=message.pk).update(finished_at=_now(stage))


def _check_end(run: Run, story: Any, end: dict[str, Any]) -> None:
    """The end that all orders share is the right one."""
    is_right = (
        end["amounts"][2] == story.owed
        and len(end["payments"]) == 1
        and len(end["chargebacks"]) == 1
        and end["unapplied"] == 0
    )
    if not is_right:
        run.counts["wrong_ends"] += 1
        run.violations.append(f"{story.name} ended wrong: {end}")


if __name__ == "__main__":
    raise SystemExit(main(prove, about=str(__doc__), unit="orders of each story", tries=ALL))
