"""Proof that the order of Stripe's events does not matter: `make prove-hooks`.

Two stories of six events, from a payment started at a link to a decided dispute, and three of four
events, of fraud warnings and of cards and customers changed at Stripe, arrive in every order: once,
each twice and handled twice, and all again with other ids. Stripe answers with its final state, or
with its state at the earliest time the event can arrive. Every order must end with the same correct
records. The last line is one JSON object; `--tries` limits the orders.
"""

from collections.abc import Callable, Mapping
from itertools import permutations
from typing import Any

from tests.proofs.run import Run, main, separate_stripe

ALL = 720
MONTH = (2020, 1)
Events = list[tuple[int, Mapping[str, Any]]]


def once(order: Events) -> Events:
    """Each event once."""
    return order


def each_twice(order: Events) -> Events:
    """Each event twice in a row, as after a lost response."""
    return [event for event in order for _ in range(2)]


def all_again(order: Events) -> Events:
    """All events, then all in reverse order with other ids but the same content."""
    again = [(step, {**event, "id": f"{event['id']}_again"}) for step, event in reversed(order)]
    return [*order, *again]


PATTERNS: dict[str, Callable[[Events], Events]] = {
    "once": once,
    "each_twice": each_twice,
    "all_again": all_again,
    "as_it_happens": once,
}


def prove(run: Run) -> dict[str, Any]:
    """Run the proof with a provider and a separate stand-in; returns its result."""
    from core.months import Month
    from tests.proofs import hooks_stage
    from tests.proofs.close_stage import create_stage, drop_stage

    with separate_stripe(run) as stripe:
        for play in (
            hooks_stage.refunded_and_lost,
            hooks_stage.refund_failed_and_won,
            hooks_stage.warned_and_refunded,
            hooks_stage.contested_above_the_payment,
            hooks_stage.renewed_and_deleted,
        ):
            stage = create_stage(stripe, is_committed=False)
            try:
                _run_orders(run, stage, play(stage, Month(*MONTH)))
            finally:
                drop_stage(stage)
    return run.result("orders", "runs", "events", "repeated", "different_ends", "wrong_ends")


def _run_orders(run: Run, stage: Any, story: Any) -> None:
    orders = list(permutations(story.events))
    if run.tries < len(orders):
        orders = run.dice.sample(orders, run.tries)
    run.counts["orders"] += len(orders)
    for name, pattern in PATTERNS.items():
        ends: dict[str, Any] = {}
        for order in orders:
            # A refund that is handled before it failed has a credit note, which stays.
            group = _refund_order(order) if name == "as_it_happens" else ""
            end = _run_order(run, stage, story, pattern(list(order)), name)
            expected = ends.setdefault(group, end)
            if end != expected:
                run.counts["different_ends"] += 1
                run.violations.append(f"{story.name}, {name}: {end} and not {expected}")
        for end in ends.values():
            _check_end(run, story, end)


def _refund_order(order: tuple[tuple[int, Mapping[str, Any]], ...]) -> str:
    """Return "early" if a refund is handled before it fails later, otherwise an empty text."""
    for _, event in order:
        if event["type"] == "refund.created":
            return "early"
        if event["type"] in ("refund.failed", "charge.dispute.created", "charge.dispute.closed"):
            return ""
    return ""


def _run_order(run: Run, stage: Any, story: Any, arrivals: Events, pattern: str) -> dict[str, Any]:
    """Deliver one order and roll it back; returns the records at its end.

    Handlers are called directly; other proofs cover leases, mails and documents.
    """
    from django.db import transaction

    from tests.proofs.hooks_stage import records, repeated_entries

    now_at = [0 if pattern == "as_it_happens" else len(story.answers) - 1]
    with transaction.atomic(), story.answers_after(lambda: now_at[0]):
        for step, event in arrivals:
            now_at[0] = seen_at(now_at[0], step)
            run.counts["events"] += 1
            run.counts["repeated"] += not _receive(stage, event)
            _handle(stage, twice=pattern == "each_twice")
        end = records(stage, story)
        run.violations += [f"{story.name}, {pattern}: {entry}" for entry in repeated_entries(stage)]
        transaction.set_rollback(True)
    run.counts["runs"] += 1
    return end


def seen_at(before: int, step: int) -> int:
    """The step of Stripe's state when an event of this step is handled, by a fresh query."""
    return max(before, step)


def _receive(stage: Any, event: Mapping[str, Any]) -> bool:
    """Receive the signed event at the webhook; returns whether it is new."""
    import json

    import stripe as sdk
    from django.conf import settings
    from django.utils import timezone

    from billing.webhooks.inbox import receive, verified_event

    body = json.dumps(event)
    signature = sdk.WebhookSignature.generate_signature_header(body, settings.STRIPE_WEBHOOK_SECRET)
    verified = verified_event(body=body.encode(), signature=signature, now=timezone.now())
    return receive(event=verified, now=_now(stage))


def _now(stage: Any) -> Any:
    from datetime import timedelta

    from core.months import Month

    return Month(*MONTH).ends_at(stage.zone) + timedelta(hours=2)


def _handle(stage: Any, *, twice: bool) -> None:
    """Handle the received events; with `twice`, as after a kill before the acknowledgement."""
    from contextlib import nullcontext

    from billing import topics
    from core.outbox.models import OutboxMessage
    from core.outbox.topics import topic_named
    from core.schema import schema_named

    for topic in (topics.STRIPE_EVENT_OWNER, topics.STRIPE_EVENT):
        for message in OutboxMessage.objects.filter(topic=topic, finished_at=None):
            schema = message.schema_name
            for _ in range(1 + twice):
                with schema_named(schema) if schema else nullcontext():
                    topic_named(topic).handler(message.payload, _now(stage))
            OutboxMessage.objects.filter(pk=message.pk).update(finished_at=_now(stage))


def _check_end(run: Run, story: Any, end: dict[str, Any]) -> None:
    """Check that the common end of all orders is correct."""
    is_right = (
        end["amounts"][2] == story.owed
        and len(end["payments"]) == story.payments
        and len(end["chargebacks"]) == story.chargebacks
        and story.alerts in (None, set(end["alerts"]))
        and end["unapplied"] == 0
    )
    if not is_right:
        run.counts["wrong_ends"] += 1
        run.violations.append(f"{story.name} ended wrong: {end}")


if __name__ == "__main__":
    raise SystemExit(main(prove, about=str(__doc__), unit="orders of each story", tries=ALL))
