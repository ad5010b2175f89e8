"""One provider's payments of the last weeks, compared with Stripe's."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from accounts.models import Provider
from billing.gateway import client as gateway
from billing.gateway.objects import PaymentFacts, PaymentOutcome
from billing.models import ChargeAttempt, Payment, PaymentDifference
from billing.payments import charging
from billing.reconciliation.differences import Difference, keep, of_payment
from billing.reconciliation.refunds_and_chargebacks import ask_about_open_chargebacks, compared_back
from core.schema import provider_schema

logger = logging.getLogger(__name__)

# A month and its retries; what an earlier run could not settle is in it again.
LOOK_BACK = timedelta(days=40)

Kind = PaymentDifference.Kind


def reconcile(*, provider: Provider, now: datetime) -> list[Difference]:
    """Compare the provider's payments of the last 40 days; what differs now.

    Raises `gateway.GatewayError` where Stripe can't be asked; the rows stay as they were then.
    """
    with provider_schema(provider):
        _ask_about_unfinished(now=now)
        if not provider.stripe_customer_id:
            return []
        ask_about_open_chargebacks(now=now)
        since = now - LOOK_BACK
        # Stripe first: what is booked while it answers is not missed here.
        held = list(gateway.payments_since(customer_id=provider.stripe_customer_id, since=since))
        found = [difference for facts in held for difference in _compared(facts, now=now)]
        compared = {facts.payment_intent_id for facts in held}
        for payment in _booked_but_not_listed(compared, since=since):
            compared.add(str(payment.stripe_payment_intent_id))
            found += _looked_up(payment, now=now)
        keep(found, compared=compared, provider=provider, now=now)
        return found


def _ask_about_unfinished(*, now: datetime) -> None:
    """Bring every unfinished attempt as far as it goes; one that cannot is left for tomorrow."""
    for attempt in ChargeAttempt.objects.filter(finished_at=None).select_related("invoice"):
        waits = attempt.state == ChargeAttempt.State.NEEDS_CONFIRMATION
        try:
            if waits and attempt.invoice.amounts.due_minor == 0:
                # Paid otherwise: its link must not be paid on top.
                charging.withdraw(attempt, now=now)
            else:
                charging.pursue(attempt, now=now)
        except (gateway.GatewayError, charging.PaymentMismatch) as error:
            logger.warning("%s could not be settled: %s", attempt, error)


def _compared(facts: PaymentFacts, *, now: datetime) -> Iterator[Difference]:
    """What differs on a payment that Stripe holds."""
    if facts.outcome is not PaymentOutcome.SUCCEEDED:
        return
    payment = _payment(facts) or _settled(facts, now=now)
    if payment is None:
        named = ChargeAttempt.objects.filter(idempotency_key=facts.attempt_key).first()
        yield Difference(
            Kind.NOT_BOOKED,
            facts.payment_intent_id,
            named.invoice.number if named else "",
            facts.currency,
            stripe_minor=facts.amount_minor,
            recorded_minor=None,
        )
        return
    yield from _on_both_sides(payment, facts, now=now)


def _on_both_sides(payment: Payment, facts: PaymentFacts, *, now: datetime) -> Iterator[Difference]:
    if (payment.amount_minor, payment.currency) != (facts.amount_minor, facts.currency):
        yield of_payment(
            Kind.AMOUNT, payment, stripe=facts.amount_minor, booked=payment.amount_minor
        )
    yield from compared_back(payment, facts, now=now)


def _payment(facts: PaymentFacts) -> Payment | None:
    return (
        Payment.objects.select_related("invoice")
        .filter(stripe_payment_intent_id=facts.payment_intent_id)
        .first()
    )


def _settled(facts: PaymentFacts, *, now: datetime) -> Payment | None:
    """The payment, booked now, of an attempt of ours whose success nobody told us."""
    attempt = ChargeAttempt.objects.filter(idempotency_key=facts.attempt_key).first()
    if attempt is None or not facts.attempt_key:
        return None
    try:
        charging.settle(attempt_id=attempt.pk, facts=facts, now=now)
    except charging.PaymentMismatch:
        return None
    logger.warning("Payment %s was booked late, by the reconciliation", facts.payment_intent_id)
    return _payment(facts)


def _booked_but_not_listed(listed: set[str], *, since: datetime) -> Iterator[Payment]:
    cards = Payment.objects.filter(method=Payment.Method.CARD, received_at__gte=since)
    yield from cards.exclude(stripe_payment_intent_id__in=listed).select_related("invoice")


def _looked_up(payment: Payment, *, now: datetime) -> Iterator[Difference]:
    """What differs on a payment of ours that was begun before the listed days, or never."""
    try:
        facts = gateway.payment_with_charge(payment_intent_id=str(payment.stripe_payment_intent_id))
    except gateway.Refused:
        facts = None
    if facts is None or facts.outcome is not PaymentOutcome.SUCCEEDED:
        yield of_payment(Kind.NOT_AT_STRIPE, payment, stripe=None, booked=payment.amount_minor)
    else:
        yield from _on_both_sides(payment, facts, now=now)
