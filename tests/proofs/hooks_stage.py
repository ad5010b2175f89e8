"""The stories of the webhook proof: payments with their events, and the records they leave.

Each story is played once at the stand-in, step by step, and Stripe's answers after each step are
read with the real SDK and stored, because each order of events starts from the first step again.
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

REFUND = 100
Answers = dict[tuple[str, str], Any]


@dataclass
class Story:
    """Six events of one payment, each with the number of its step, and Stripe's answers by step."""

    name: str
    invoice_id: int
    intent: str
    owed: int
    events: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    answers: list[Answers] = field(default_factory=list)

    @contextmanager
    def answers_after(self, step: Callable[[], int]) -> Iterator[None]:
        """Within the block, Stripe answers as after the step that `step()` returns."""

        def answer(kind: str, name: str) -> Callable[..., Any]:
            return lambda **arguments: self.answers[step()][kind, arguments[name]]

        with (
            patch.object(gateway, "payment", answer("payment", "payment_intent_id")),
            patch.object(stripe_refunds, "refund", answer("refund", "stripe_refund_id")),
            patch.object(stripe_refunds, "refunds_of", answer("refunds", "payment_intent_id")),
            patch.object(stripe_disputes, "dispute", answer("dispute", "stripe_dispute_id")),
        ):
            yield


def refunded_and_lost(stage: Stage, month: Month) -> Story:
    """A payment declined, then paid, partly refunded in the dashboard, disputed and lost."""
    story = _started(stage, month, name="refunded_and_lost", owed=PRICE - REFUND)
    types = (
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
        lambda: _create(stage, story, "refunds", amount=REFUND),
        lambda: disputes.append(_create(stage, story, "disputes", amount=PRICE - REFUND)),
        lambda: _decide(stage, disputes[0], "lost"),
    )
    return _play(stage, story, steps, types)


def refund_failed_and_won(stage: Stage, month: Month) -> Story:
    """A payment processed for a while, paid, with a failed refund, disputed and won."""
    story = _started(stage, month, name="refund_failed_and_won", owed=0)
    types = (
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
        lambda: _confirm_slowly(stage, story),
        lambda: control("POST", "payments/settle", payment_intent=story.intent),
        lambda: made.append(_create(stage, story, "refunds", amount=REFUND)),
        lambda: control("POST", "refunds/fail", refund=made[0]),
        lambda: made.append(_create(stage, story, "disputes")),
        lambda: _decide(stage, made[1], "won"),
    )
    return _play(stage, story, steps, types)


def _started(stage: Stage, month: Month, *, name: str, owed: int) -> Story:
    """An invoice for one user, with a payment that was started at its link."""
    stage.add_user(month)
    now = month.ends_at(stage.zone) + timedelta(hours=1)
    close_month(provider=stage.provider, month=month, now=now)
    with provider_schema(stage.provider):
        invoice = Invoice.objects.get(month=month.first_day)
        payment = begin_on_session(invoice_id=invoice.pk, now=now)
    OutboxMessage.objects.all().delete()
    return Story(name, invoice.pk, payment.client_secret.partition("_secret_")[0], owed)


def _confirm(story: Story, card: str) -> None:
    # A decline is one of the steps.
    with suppress(stripe.CardError):
        gateway.client().v1.payment_intents.confirm(story.intent, {"payment_method": card})


def _confirm_slowly(stage: Stage, story: Story) -> None:
    stage.stripe.control("POST", "payments/hold", times=1)
    _confirm(story, "pm_card_visa")


def _create(stage: Stage, story: Story, kind: str, **arguments: Any) -> str:
    created = stage.stripe.control("POST", kind, payment_intent=story.intent, **arguments)
    return str(created["id"])


def _decide(stage: Stage, dispute: str, outcome: str) -> None:
    stage.stripe.control("POST", "disputes/close", dispute=dispute, outcome=outcome)


def _play(
    stage: Stage, story: Story, steps: tuple[Callable[[], Any], ...], types: tuple[str, ...]
) -> Story:
    """Play the steps, and store the events and answers of each."""
    seen: set[str] = set()
    for number, step in enumerate(steps):
        step()
        latest = stage.stripe.client().v1.events.list({"limit": 100}).to_dict()["data"]
        for event in reversed(latest):
            about = event["data"]["object"]
            is_ours = story.intent in (about["id"], about.get("payment_intent"))
            if event["id"] not in seen and is_ours and event["type"] in types:
                story.events.append((number, event))
            seen.add(event["id"])
        story.answers.append(_answers(stage, story.intent))
    assert sorted(event["type"] for _, event in story.events) == sorted(types)
    return story


def _answers(stage: Stage, intent: str) -> Answers:
    client = stage.stripe.client().v1
    answers: Answers = {("payment", intent): gateway.payment(payment_intent_id=intent)}
    refunds = list(stripe_refunds.refunds_of(payment_intent_id=intent))
    answers["refunds", intent] = refunds
    for refund in refunds:
        answers["refund", refund.stripe_refund_id] = refund
    for dispute in client.disputes.list({"payment_intent": intent}).data:
        answers["dispute", dispute.id] = stripe_disputes.dispute(stripe_dispute_id=dispute.id)
    return answers


def records(stage: Stage, story: Story) -> dict[str, Any]:
    """The records of the payment, without ids and instants."""
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


def repeated_entries(stage: Stage) -> Iterator[str]:
    """Audit entries that exist twice."""
    with provider_schema(stage.provider):
        actions = list(
            AuditEntry.objects.filter(
                action__regex=r"^(refund|chargeback|credit_note)\."
            ).values_list("action", flat=True)
        )
    yield from (f"{action} logged twice" for action in {*actions} if actions.count(action) > 1)
