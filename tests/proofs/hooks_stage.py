"""The stories of the webhook proof: payments and cards with their events, and their records.

Each story is played once at the stand-in, step by step, and Stripe's answers after each step are
read with the real SDK and stored, because each order of events starts from the first step again.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import stripe

from accounts.models import Provider
from billing.gateway import client as gateway
from billing.gateway import disputes as stripe_disputes
from billing.gateway import fraud_warnings as stripe_warnings
from billing.gateway import refunds as stripe_refunds
from billing.invoicing.month_close import close_month
from billing.models import (
    ChargeAttempt,
    Chargeback,
    CreditNote,
    DunningStep,
    Invoice,
    Payment,
    PaymentMethod,
    Refund,
    WebhookEvent,
)
from billing.payments.cards import customer_of
from billing.payments.chargebacks import ABOVE_PAYMENT
from billing.payments.on_session import begin_on_session
from billing.payments.withdrawn_cards import CARD_WITHDRAWN, CUSTOMER_DELETED
from core.months import Month
from core.operations.models import OperationsAlert
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tenants.models import AuditEntry
from tests.proofs.close_stage import PRICE, Stage

REFUND = 100
WARNING = "radar.early_fraud_warning"
Answers = dict[tuple[str, str], Any]


@dataclass
class Story:
    """Events about `subjects`, each with the number of its step, and Stripe's answers by step.

    The invoice must end with `owed`, so many payments and chargebacks, and these kinds of open
    alerts; None where they depend on when a refund was seen.
    """

    name: str
    invoice_id: int
    subjects: frozenset[str]
    owed: int
    payments: int = 1
    chargebacks: int = 1
    alerts: frozenset[str] | None = frozenset()
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
            patch.object(stripe_warnings, "fraud_warning", answer("warning", "stripe_warning_id")),
            patch.object(gateway, "card", answer("card", "payment_method_id")),
            patch.object(gateway, "is_customer_deleted", answer("deleted", "customer_id")),
        ):
            yield

    @property
    def intent(self) -> str:
        """The payment that the story is about."""
        (intent,) = self.subjects
        return intent


def refunded_and_lost(stage: Stage, month: Month) -> Story:
    """A payment declined, then paid, partly refunded in the dashboard, disputed and lost."""
    story = _payment(stage, month, name="refunded_and_lost", owed=PRICE - REFUND)
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
    story = _payment(stage, month, name="refund_failed_and_won", owed=0, alerts=None)
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


def warned_and_refunded(stage: Stage, month: Month) -> Story:
    """A payment that the card network reports as fraud, then refunded in the dashboard."""
    story = _payment(stage, month, name="warned_and_refunded", owed=0, chargebacks=0)
    types = ("payment_intent.succeeded", f"{WARNING}.created", "refund.created", "charge.refunded")
    steps: tuple[Callable[[], Any], ...] = (
        lambda: _confirm(story, "pm_card_visa"),
        lambda: _create(stage, story, "fraud_warnings"),
        lambda: _create(stage, story, "refunds"),
    )
    return _play(stage, story, steps, types)


def contested_above_the_payment(stage: Stage, month: Month) -> Story:
    """A payment reported as fraud, then disputed in a larger amount and lost."""
    alerts = frozenset({ABOVE_PAYMENT})
    story = _payment(stage, month, name="contested_above", owed=PRICE, alerts=alerts)
    types = (
        "payment_intent.succeeded",
        f"{WARNING}.created",
        "charge.dispute.created",
        "charge.dispute.closed",
    )
    disputes: list[str] = []
    steps: tuple[Callable[[], Any], ...] = (
        lambda: _confirm(story, "pm_card_visa"),
        lambda: _create(stage, story, "fraud_warnings"),
        lambda: disputes.append(_create(stage, story, "disputes", amount=PRICE + REFUND)),
        lambda: _decide(stage, disputes[0], "lost"),
    )
    return _play(stage, story, steps, types)


def renewed_and_deleted(stage: Stage, month: Month) -> Story:
    """A card on file that is renewed twice, and whose customer is deleted while a charge is due."""
    with provider_schema(stage.provider):
        card = PaymentMethod.objects.get().stripe_payment_method_id
    story = Story(
        "renewed_and_deleted",
        _invoice(stage, month),
        frozenset({card, customer_of(stage.provider)}),
        owed=PRICE,
        payments=0,
        chargebacks=0,
        alerts=frozenset({CARD_WITHDRAWN, CUSTOMER_DELETED}),
    )
    types = (
        "payment_method.automatically_updated",
        "payment_method.updated",
        "payment_method.detached",
        "customer.deleted",
    )
    client = stage.stripe.client().v1
    control = stage.stripe.control
    steps: tuple[Callable[[], Any], ...] = (
        lambda: control("POST", "cards/renew", payment_method=card, last4="1881"),
        lambda: client.payment_methods.update(card, {"card": {"exp_month": 3, "exp_year": 2041}}),
        lambda: client.customers.delete(customer_of(stage.provider)),
    )
    return _play(stage, story, steps, types)


def _invoice(stage: Stage, month: Month) -> int:
    """An invoice for one user that no message charges."""
    stage.add_user(month)
    close_month(provider=stage.provider, month=month, now=_closed_at(stage, month))
    OutboxMessage.objects.all().delete()
    with provider_schema(stage.provider):
        return Invoice.objects.get(month=month.first_day).pk


def _closed_at(stage: Stage, month: Month) -> datetime:
    return month.ends_at(stage.zone) + timedelta(hours=1)


def _payment(stage: Stage, month: Month, *, name: str, owed: int, **expected: Any) -> Story:
    """An invoice for one user, with a payment that was started at its link."""
    invoice_id = _invoice(stage, month)
    with provider_schema(stage.provider):
        payment = begin_on_session(invoice_id=invoice_id, now=_closed_at(stage, month))
    OutboxMessage.objects.all().delete()
    intent = payment.client_secret.partition("_secret_")[0]
    return Story(name, invoice_id, frozenset({intent}), owed, **expected)


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
            is_ours = not story.subjects.isdisjoint({about["id"], about.get("payment_intent")})
            if event["id"] not in seen and is_ours and event["type"] in types:
                story.events.append((number, event))
            seen.add(event["id"])
        story.answers.append(_answers(stage, story.subjects))
    assert sorted(event["type"] for _, event in story.events) == sorted(types)
    return story


def _answers(stage: Stage, subjects: frozenset[str]) -> Answers:
    answers: Answers = {}
    for subject in subjects:
        if subject.startswith("pm_"):
            answers["card", subject] = gateway.card(payment_method_id=subject)
        elif subject.startswith("cus_"):
            answers["deleted", subject] = gateway.is_customer_deleted(customer_id=subject)
        else:
            answers |= _answers_about_payment(stage, subject)
    return answers


def _answers_about_payment(stage: Stage, intent: str) -> Answers:
    client = stage.stripe.client().v1
    answers: Answers = {("payment", intent): gateway.payment(payment_intent_id=intent)}
    refunds = list(stripe_refunds.refunds_of(payment_intent_id=intent))
    answers["refunds", intent] = refunds
    for refund in refunds:
        answers["refund", refund.stripe_refund_id] = refund
    for dispute in client.disputes.list({"payment_intent": intent}).data:
        answers["dispute", dispute.id] = stripe_disputes.dispute(stripe_dispute_id=dispute.id)
    for warning in client.radar.early_fraud_warnings.list({"payment_intent": intent}).data:
        answers["warning", warning.id] = stripe_warnings.fraud_warning(stripe_warning_id=warning.id)
    return answers


def records(stage: Stage, story: Story) -> dict[str, Any]:
    """The records of the invoice, its payment and the card, without ids and instants."""
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
            "cards": _rows(PaymentMethod, "brand", "last_four", "expiry_month", "expiry_year"),
            "current": PaymentMethod.objects.current() is not None,
            "customer": list(
                Provider.objects.filter(pk=stage.provider.pk).values_list("stripe_customer_id")
            ),
            "alerts": sorted(
                OperationsAlert.objects.open()
                .filter(schema_name=stage.provider.schema_name)
                .values_list("kind", flat=True)
            ),
            "mails": OutboxMessage.objects.filter(key__startswith="card-withdrawn").count(),
            "unapplied": WebhookEvent.objects.filter(applied_at=None).count(),
        }


def _rows(model: Any, *names: str) -> list[tuple[Any, ...]]:
    return sorted(model.objects.values_list(*names))


def repeated_entries(stage: Stage) -> Iterator[str]:
    """Audit entries that exist twice."""
    with provider_schema(stage.provider):
        actions = list(
            AuditEntry.objects.filter(
                action__regex=r"^(refund|chargeback|credit_note|customer|card\.withdrawn)"
            ).values_list("action", flat=True)
        )
    yield from (f"{action} logged twice" for action in {*actions} if actions.count(action) > 1)
