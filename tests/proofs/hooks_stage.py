"""The stories whose events the hooks' proof shuffles, and what the books say of them.

Each story happens at the stand-in once, step by step, and after every step what Stripe answers is
written down by the real SDK: history can't be wound back there, and each order of the events starts
from its beginning.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import stripe

from billing.gateway import client as gateway
from billing.gateway import disputes as stripe_disputes
from billing.gateway import refunds as stripe_refunds
from billing.invoicing.month_close import close_month
from billing.models import (
    ChargeAttempt,
    Chargeback,
    CreditNote,
    DunningStep,
    Invoice,
    Payment,
    Refund,
    WebhookEvent,
)
from billing.payments.on_session import begin_on_session
from core.months import Month
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tenants.models import AuditEntry
from tests.proofs.close_stage import PRICE, Stage

BACK = 100
Answers = dict[tuple[str, str], Any]


@dataclass
class Story:
    """Six events of one payment, each with the step it came from, and Stripe's answers by step."""

    name: str
    invoice_id: int
    intent: str
    owed: int
    events: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    answers: list[Answers] = field(default_factory=list)

    @contextmanager
    def told_as_after(self, step: Callable[[], int]) -> Iterator[None]:
        """Inside, Stripe answers as it did after the step that `step` names at the time."""

        def answer(kind: str, name: str) -> Callable[..., Any]:
            return lambda **asked: self.answers[step()][kind, asked[name]]

        with (
            patch.object(gateway, "payment", answer("payment", "payment_intent_id")),
            patch.object(stripe_refunds, "refund", answer("refund", "stripe_refund_id")),
            patch.object(stripe_refunds, "refunds_of", answer("refunds", "payment_intent_id")),
            patch.object(stripe_disputes, "dispute", answer("dispute", "stripe_dispute_id")),
        ):
            yield


def taken_back(stage: Stage, month: Month) -> Story:
    """Declined at the link, paid there, partly refunded in the dashboard, contested and lost."""
    story = _begun(stage, month, name="taken_back", owed=PRICE - BACK)
    wanted = (
        "payment_intent.payment_failed",
        "payment_intent.succeeded",
        "refund.created",
        "charge.refunded",
        "charge.dispute.created",
        "charge.dispute.closed",
    )
    disputes: list[str] = []
    steps: tuple[Callable[[], Any], ...] = (
        lambda: _confirm(story, "pm_card_chargeDeclined"),
        lambda: _confirm(story, "pm_card_visa"),
        lambda: _back(stage, story, "refunds", amount=BACK),
        lambda: disputes.append(_back(stage, story, "disputes", amount=PRICE - BACK)),
        lambda: _decide(stage, disputes[0], "lost"),
    )
    return _told(stage, story, steps, wanted)


def left_alone(stage: Stage, month: Month) -> Story:
    """Processed for a while, paid, a refund that its bank sent back, contested and won."""
    story = _begun(stage, month, name="left_alone", owed=0)
    wanted = (
        "payment_intent.processing",
        "payment_intent.succeeded",
        "refund.created",
        "refund.failed",
        "charge.dispute.created",
        "charge.dispute.closed",
    )
    made: list[str] = []
    control = stage.stripe.control
    steps: tuple[Callable[[], Any], ...] = (
        lambda: _processed(stage, story),
        lambda: control("POST", "payments/settle", payment_intent=story.intent),
        lambda: made.append(_back(stage, story, "refunds", amount=BACK)),
        lambda: control("POST", "refunds/fail", refund=made[0]),
        lambda: made.append(_back(stage, story, "disputes")),
        lambda: _decide(stage, made[1], "won"),
    )
    return _told(stage, story, steps, wanted)


def _begun(stage: Stage, month: Month, *, name: str, owed: int) -> Story:
    """An invoice of one user's month whose payment somebody has begun at its link."""
    stage.join_someone(month)
    now = month.ends_at(stage.zone) + timedelta(hours=1)
    close_month(provider=stage.provider, month=month, now=now)
    with provider_schema(stage.provider):
        invoice = Invoice.objects.get(month=month.first_day)
        begun = begin_on_session(invoice_id=invoice.pk, now=now)
    OutboxMessage.objects.all().delete()
    return Story(name, invoice.pk, begun.client_secret.partition("_secret_")[0], owed)


def _confirm(story: Story, card: str) -> None:
    # A decline is a step of the story too.
    with suppress(stripe.CardError):
        gateway.client().v1.payment_intents.confirm(story.intent, {"payment_method": card})


def _processed(stage: Stage, story: Story) -> None:
    stage.stripe.control("POST", "payments/hold", times=1)
    _confirm(story, "pm_card_visa")


def _back(stage: Stage, story: Story, lever: str, **order: Any) -> str:
    made = stage.stripe.control("POST", lever, payment_intent=story.intent, **order)
    return str(made["id"])


def _decide(stage: Stage, dispute: str, outcome: str) -> None:
    stage.stripe.control("POST", "disputes/close", dispute=dispute, outcome=outcome)


def _told(
    stage: Stage, story: Story, steps: tuple[Callable[[], Any], ...], wanted: tuple[str, ...]
) -> Story:
    """Let the story happen; its events, and after each step Stripe's word of everything."""
    seen: set[str] = set()
    for number, step in enumerate(steps):
        step()
        found = stage.stripe.client().v1.events.list({"limit": 100}).to_dict()["data"]
        for event in reversed(found):
            about = event["data"]["object"]
            is_ours = story.intent in (about["id"], about.get("payment_intent"))
            if event["id"] not in seen and is_ours and event["type"] in wanted:
                story.events.append((number, event))
            seen.add(event["id"])
        story.answers.append(_answers(stage, story.intent))
    assert sorted(event["type"] for _, event in story.events) == sorted(wanted)
    return story


def _answers(stage: Stage, intent: str) -> Answers:
    client = stage.stripe.client().v1
    answers: Answers = {("payment", intent): gateway.payment(payment_intent_id=intent)}
    refunds = list(stripe_refunds.refunds_of(payment_intent_id=intent))
    answers["refunds", intent] = refunds
    for refund in refunds:
        answers["refund", refund.stripe_refund_id] = refund
    for dispute in client.disputes.list({"payment_intent": intent}).data:
        told = stripe_disputes.dispute(stripe_dispute_id=dispute.id)
        answers["dispute", dispute.id] = told
    return answers


def books(stage: Stage, story: Story) -> dict[str, Any]:
    """Everything that is recorded of the payment, without ids and instants of its recording."""
    with provider_schema(stage.provider):
        invoice = Invoice.objects.get(pk=story.invoice_id)
        amounts = invoice.amounts
        return {
            "status": str(invoice.status),
            "amounts": (amounts.paid_minor, amounts.credited_minor, amounts.owed_minor),
            "attempts": _rows(ChargeAttempt, "state", "decline_code", "amount_minor"),
            "payments": _rows(Payment, "amount_minor", "stripe_payment_intent_id"),
            "refunds": _rows(Refund, "state", "amount_minor", "stripe_refund_id"),
            "notes": _rows(CreditNote, "total_minor", "number"),
            "chargebacks": _rows(Chargeback, "state", "amount_minor", "stripe_dispute_id"),
            "steps": list(DunningStep.objects.filter(ended_at=None).values_list("step")),
            "unapplied": WebhookEvent.objects.filter(applied_at=None).count(),
        }


def _rows(model: Any, *names: str) -> list[tuple[Any, ...]]:
    return sorted(model.objects.values_list(*names))


def repeated_words(stage: Stage) -> Iterator[str]:
    """Mails and audit rows that say the same thing twice."""
    with provider_schema(stage.provider):
        actions = list(
            AuditEntry.objects.filter(
                action__regex=r"^(refund|chargeback|credit_note)\."
            ).values_list("action", flat=True)
        )
    yield from (f"{action} logged twice" for action in {*actions} if actions.count(action) > 1)
