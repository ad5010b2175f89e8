"""What was given or taken back of one payment: booked where it is certain, told where it differs.

Stripe is asked for the single refunds and disputes only where its sums differ from ours.
"""

import logging
from collections.abc import Iterator
from datetime import datetime

from django.db.models import Sum

from billing.gateway import disputes as stripe_disputes
from billing.gateway import refunds as stripe_refunds
from billing.gateway.objects import PaymentFacts
from billing.models import Chargeback, Payment, PaymentDifference, Refund
from billing.payments.charging import PaymentMismatch
from billing.reconciliation.differences import Difference, of_payment
from billing.webhooks.handlers import book_dispute, book_refunds

logger = logging.getLogger(__name__)

Kind = PaymentDifference.Kind
TAKEN = (Chargeback.State.OPEN, Chargeback.State.LOST)


def ask_about_open_chargebacks(*, now: datetime) -> None:
    """Stripe's word of every chargeback that waits for its bank, however old its payment is."""
    waiting = Chargeback.objects.filter(state=Chargeback.State.OPEN)
    for dispute_id in waiting.values_list("stripe_dispute_id", flat=True):
        _book_dispute(stripe_disputes.dispute(stripe_dispute_id=dispute_id), now=now)


def compared_back(payment: Payment, facts: PaymentFacts, *, now: datetime) -> Iterator[Difference]:
    """What differs on a payment of ours once everything certain is booked; `facts` with charge."""
    if facts.refunded_minor != _refunded(payment):
        yield from _refunds(payment, now=now)
    if facts.is_disputed or payment.chargebacks.exists():
        yield from _chargebacks(payment, now=now)


def _refunds(payment: Payment, *, now: datetime) -> Iterator[Difference]:
    intent = str(payment.stripe_payment_intent_id)
    found = list(stripe_refunds.refunds_of(payment_intent_id=intent))
    for refund in found:
        try:
            book_refunds([refund], now=now)
        except PaymentMismatch as error:
            logger.warning("A refund was not booked: %s", error)
    held = sum(facts.amount_minor for facts in found if facts.state != Refund.State.FAILED)
    booked = _refunded(payment)
    if held != booked:
        yield of_payment(Kind.REFUND, payment, stripe=held, booked=booked)


def _refunded(payment: Payment) -> int:
    """What Stripe was heard to give back; not what is ordered and has not arrived there."""
    heard = payment.refunds.exclude(state=Refund.State.FAILED).exclude(stripe_refund_id=None)
    return heard.aggregate(back=Sum("amount_minor"))["back"] or 0


def _chargebacks(payment: Payment, *, now: datetime) -> Iterator[Difference]:
    intent = str(payment.stripe_payment_intent_id)
    found = list(stripe_disputes.disputes_of(payment_intent_id=intent))
    for facts in found:
        _book_dispute(facts, now=now)
    held = {facts.stripe_dispute_id: facts.amount_minor for facts in found if facts.state in TAKEN}
    booked = dict(
        payment.chargebacks.filter(state__in=TAKEN).values_list("stripe_dispute_id", "amount_minor")
    )
    if held != booked:
        yield of_payment(
            Kind.CHARGEBACK, payment, stripe=sum(held.values()), booked=sum(booked.values())
        )


def _book_dispute(facts: stripe_disputes.DisputeFacts, *, now: datetime) -> None:
    try:
        book_dispute(facts, now=now)
    except PaymentMismatch as error:
        logger.warning("A dispute was not booked: %s", error)
