"""The reconciliation of one provider's recent payments, with their refunds and chargebacks."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db.models import Sum

from accounts.models import Provider
from billing.gateway import client as gateway
from billing.gateway import disputes as stripe_disputes
from billing.gateway import refunds as stripe_refunds
from billing.gateway.objects import PaymentFacts, PaymentOutcome
from billing.models import (
    ChargeAttempt,
    Chargeback,
    Payment,
    PaymentDifference,
    PaymentMethod,
    Refund,
)
from billing.payments import charging
from billing.payments.chargebacks import disputed_minor
from billing.payments.unassigned import is_accounted_for
from billing.payments.withdrawn_cards import follow_card
from billing.webhooks.handlers import book_dispute, book_refunds
from core.schema import provider_schema

logger = logging.getLogger(__name__)

# Longer than a month and its retries. A difference that one run leaves is read again by the next,
# however old its payment is.
LOOK_BACK = timedelta(days=40)

Kind = PaymentDifference.Kind


def reconcile(*, provider: Provider, now: datetime) -> list[PaymentDifference]:
    """Compare the provider's payments of the last 40 days; return the remaining differences.

    Raises `gateway.GatewayError` if Stripe does not answer; the stored rows are unchanged then.
    """
    with provider_schema(provider):
        _continue_unfinished_attempts(now=now)
        _follow_card_on_file(provider, now=now)
        _update_open_chargebacks(now=now)
        since = now - LOOK_BACK
        # Read Stripe first: a payment that is booked meanwhile is then not missing here.
        customer_id = provider.stripe_customer_id
        held = (
            list(gateway.payments_since(customer_id=customer_id, since=since))
            if customer_id
            else []
        )
        differences = [difference for facts in held for difference in _compared(facts, now=now)]
        compared = {facts.payment_intent_id for facts in held}
        cards = Payment.objects.filter(method=Payment.Method.CARD, received_at__gte=since)
        unlisted = cards.exclude(stripe_payment_intent_id__in=compared)
        for payment in unlisted.select_related("invoice"):
            compared.add(str(payment.stripe_payment_intent_id))
            differences += _compared_by_id(payment, now=now)
        stored = PaymentDifference.objects.filter(settled_at=None)
        for intent in set(stored.values_list("stripe_payment_intent_id", flat=True)) - compared:
            compared.add(intent)
            differences += _compared_again(intent, now=now)
        _store(differences, compared=compared, provider=provider, now=now)
        return differences


def _follow_card_on_file(provider: Provider, *, now: datetime) -> None:
    """Record the card as it is at Stripe: an event of it may have been lost."""
    card = PaymentMethod.objects.current()
    if card is None:
        return
    try:
        follow_card(provider=provider, payment_method_id=card.stripe_payment_method_id, now=now)
    except gateway.Refused as error:
        logger.warning("%s could not be read from Stripe: %s", card, error)


def _continue_unfinished_attempts(*, now: datetime) -> None:
    """Continue every unfinished attempt; one that fails is logged and left for the next run."""
    for attempt in ChargeAttempt.objects.filter(finished_at=None).select_related("invoice"):
        waits = attempt.state == ChargeAttempt.State.NEEDS_CONFIRMATION
        try:
            if waits and attempt.invoice.amounts.due_minor == 0:
                # Paid another way: its link must not be paid on top.
                charging.withdraw(attempt, now=now)
            else:
                charging.pursue(attempt, now=now)
        except (gateway.GatewayError, charging.PaymentMismatch) as error:
            logger.warning("%s could not be settled: %s", attempt, error)


def _update_open_chargebacks(*, now: datetime) -> None:
    """Read every open chargeback from Stripe, however old its payment is."""
    open_ones = Chargeback.objects.filter(state=Chargeback.State.OPEN)
    for dispute_id in open_ones.values_list("stripe_dispute_id", flat=True):
        _book_dispute(stripe_disputes.dispute(stripe_dispute_id=dispute_id), now=now)


def _compared(facts: PaymentFacts, *, now: datetime) -> Iterator[PaymentDifference]:
    """Compare a payment that Stripe lists; one of our attempts is booked first."""
    if facts.outcome is not PaymentOutcome.SUCCEEDED:
        return
    attempt = None
    payment = _payment(facts.payment_intent_id)
    if payment is None:
        attempt = ChargeAttempt.objects.filter(idempotency_key=facts.attempt_key).first()
    if attempt is not None and facts.attempt_key:
        payment = _settled(attempt, facts, now=now)
    if payment is not None:
        yield from _compared_with(payment, facts, now=now)
    elif not is_accounted_for(facts, now=now):
        yield PaymentDifference(
            kind=Kind.NOT_BOOKED,
            stripe_payment_intent_id=facts.payment_intent_id,
            invoice_number=attempt.invoice.number if attempt else "",
            currency=facts.currency,
            stripe_minor=facts.amount_minor,
        )


def _payment(payment_intent_id: str) -> Payment | None:
    return (
        Payment.objects.select_related("invoice")
        .filter(stripe_payment_intent_id=payment_intent_id)
        .first()
    )


def _settled(attempt: ChargeAttempt, facts: PaymentFacts, *, now: datetime) -> Payment | None:
    """Book the payment of an attempt whose success no answer and no webhook reported."""
    try:
        charging.settle(attempt_id=attempt.pk, facts=facts, now=now)
    except charging.PaymentMismatch:
        return None
    logger.warning("Payment %s was booked late, by the reconciliation", facts.payment_intent_id)
    return _payment(facts.payment_intent_id)


def _compared_by_id(payment: Payment, *, now: datetime) -> Iterator[PaymentDifference]:
    """Compare a payment that Stripe does not list: it began earlier, or does not exist there."""
    facts = _at_stripe(str(payment.stripe_payment_intent_id))
    if facts is None or facts.outcome is not PaymentOutcome.SUCCEEDED:
        yield _difference(Kind.NOT_AT_STRIPE, payment, stripe=None, recorded=payment.amount_minor)
    else:
        yield from _compared_with(payment, facts, now=now)


def _compared_again(payment_intent_id: str, *, now: datetime) -> Iterator[PaymentDifference]:
    """Compare the payment of a stored difference that is older than the listed days."""
    payment = _payment(payment_intent_id)
    if payment is not None:
        yield from _compared_by_id(payment, now=now)
    elif facts := _at_stripe(payment_intent_id):
        yield from _compared(facts, now=now)


def _at_stripe(payment_intent_id: str) -> PaymentFacts | None:
    """The payment with its charge; None if Stripe knows none of this id."""
    try:
        return gateway.payment(payment_intent_id=payment_intent_id)
    except gateway.Refused:
        return None


def _compared_with(
    payment: Payment, facts: PaymentFacts, *, now: datetime
) -> Iterator[PaymentDifference]:
    """Compare a payment of both sides; `facts` include the charge.

    Single refunds and disputes are read from Stripe only if its sums differ from ours.
    """
    if (payment.amount_minor, payment.currency) != (facts.amount_minor, facts.currency):
        yield _difference(
            Kind.AMOUNT, payment, stripe=facts.amount_minor, recorded=payment.amount_minor
        )
    if facts.refunded_minor != _refunded_at_stripe(payment):
        yield from _compared_refunds(payment, now=now)
    if facts.is_disputed or payment.chargebacks.exists():
        yield from _compared_chargebacks(payment, now=now)


def _compared_refunds(payment: Payment, *, now: datetime) -> Iterator[PaymentDifference]:
    intent = str(payment.stripe_payment_intent_id)
    refunds = list(stripe_refunds.refunds_of(payment_intent_id=intent))
    for refund in refunds:
        try:
            book_refunds([refund], now=now)
        except charging.PaymentMismatch as error:
            logger.warning("A refund was not booked: %s", error)
    held = sum(facts.amount_minor for facts in refunds if facts.state != Refund.State.FAILED)
    recorded = _refunded_at_stripe(payment)
    if held != recorded:
        yield _difference(Kind.REFUND, payment, stripe=held, recorded=recorded)


def _refunded_at_stripe(payment: Payment) -> int:
    """Sum our refunds with an id of Stripe; an ordered refund that did not reach it has none."""
    refunds = payment.refunds.exclude(state=Refund.State.FAILED).exclude(stripe_refund_id=None)
    return refunds.aggregate(refunded=Sum("amount_minor"))["refunded"] or 0


def _compared_chargebacks(payment: Payment, *, now: datetime) -> Iterator[PaymentDifference]:
    taken = (Chargeback.State.OPEN, Chargeback.State.LOST)
    intent = str(payment.stripe_payment_intent_id)
    disputes = list(stripe_disputes.disputes_of(payment_intent_id=intent))
    for facts in disputes:
        _book_dispute(facts, now=now)
    held = {
        each.stripe_dispute_id: disputed_minor(each, payment)
        for each in disputes
        if each.state in taken
    }
    recorded = dict(
        payment.chargebacks.filter(state__in=taken).values_list("stripe_dispute_id", "amount_minor")
    )
    if held != recorded:
        yield _difference(
            Kind.CHARGEBACK, payment, stripe=sum(held.values()), recorded=sum(recorded.values())
        )


def _book_dispute(facts: stripe_disputes.DisputeFacts, *, now: datetime) -> None:
    try:
        book_dispute(facts, now=now)
    except charging.PaymentMismatch as error:
        logger.warning("A dispute was not booked: %s", error)


def _difference(
    kind: PaymentDifference.Kind, payment: Payment, *, stripe: int | None, recorded: int
) -> PaymentDifference:
    return PaymentDifference(
        kind=kind,
        stripe_payment_intent_id=str(payment.stripe_payment_intent_id),
        invoice_number=payment.invoice.number,
        currency=payment.currency,
        stripe_minor=stripe,
        recorded_minor=recorded,
    )


def _store(
    differences: Sequence[PaymentDifference],
    *,
    compared: set[str],
    provider: Provider,
    now: datetime,
) -> None:
    """Store new differences, and settle stored ones on which both sides agree again."""
    stored = {
        (row.kind, row.stripe_payment_intent_id): row
        for row in PaymentDifference.objects.filter(settled_at=None)
    }
    differing = {(str(each.kind), each.stripe_payment_intent_id) for each in differences}
    for difference in differences:
        if (str(difference.kind), difference.stripe_payment_intent_id) not in stored:
            logger.error("Payments of %s at Stripe and here differ: %s", provider, difference)
            difference.found_at = now
            difference.save()
    agreed = [row.pk for key, row in stored.items() if key not in differing and key[1] in compared]
    PaymentDifference.objects.filter(pk__in=agreed).update(settled_at=now)
