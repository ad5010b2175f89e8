"""Acting on Stripe's kept events: what is recorded is what Stripe says when it is asked now."""

import logging
from datetime import datetime

from accounts.models import Provider
from billing.corrections import refund_booking
from billing.gateway import client as gateway
from billing.gateway import disputes as stripe_disputes
from billing.gateway import refunds as stripe_refunds
from billing.models import Payment, PaymentMethod, WebhookEvent
from billing.payments import cards, charging
from billing.payments.chargebacks import book_chargeback
from billing.webhooks.inbox import (
    DISPUTE_EVENTS,
    PAYMENT_EVENTS,
    REFUND_EVENTS,
    REFUNDED_EVENTS,
    Event,
    attempt_named,
    keep,
    provider_of_customer,
)
from core.schema import provider_schema

logger = logging.getLogger(__name__)


def find_owner(*, event: Event, payment_intent_id: str, now: datetime) -> None:
    """Keep an event that names no customer for the provider whose payment it is about.

    Raises `gateway.GatewayError`; passed over where nobody is.
    """
    facts = gateway.payment(payment_intent_id=payment_intent_id)
    provider = provider_of_customer(facts.customer_id)
    if provider is None or facts.provider_id not in ("", str(provider.provider_id)):
        logger.warning("Event %s is about no customer of ours", event.id)
        return
    with provider_schema(provider):
        keep(event, now=now)


def apply_event(*, event_id: str, provider: Provider, now: datetime) -> None:
    """Act on a kept event by what Stripe says now; safe to repeat.

    Raises `charging.PaymentMismatch` and `gateway.GatewayError`; the event stays to be tried again.
    """
    event = WebhookEvent.objects.get(event_id=event_id)
    if event.type in PAYMENT_EVENTS:
        if not is_booked(payment_intent_id=event.object_id, now=now, anew=True):
            raise charging.PaymentMismatch(f"{event.object_id} names no attempt of ours")
    elif event.type in REFUND_EVENTS:
        book_refunds([stripe_refunds.refund(stripe_refund_id=event.object_id)], now=now)
    elif event.type in REFUNDED_EVENTS:
        found = stripe_refunds.refunds_of(payment_intent_id=event.object_id)
        book_refunds(list(found), now=now)
    elif event.type in DISPUTE_EVENTS:
        book_dispute(stripe_disputes.dispute(stripe_dispute_id=event.object_id), now=now)
    else:
        _take_card(event, provider=provider, now=now)
    WebhookEvent.objects.filter(pk=event.pk, applied_at=None).update(applied_at=now)


def is_booked(*, payment_intent_id: str, now: datetime, anew: bool = False) -> bool:
    """Settle the attempt that a payment is, unless it is booked already; False: none of ours.

    With `anew` it is asked about in any case.
    """
    if not anew and Payment.objects.filter(stripe_payment_intent_id=payment_intent_id).exists():
        return True
    facts = gateway.payment(payment_intent_id=payment_intent_id)
    attempt = attempt_named(facts.attempt_key) if facts.attempt_key else None
    if attempt is None:
        return False
    charging.settle(attempt_id=attempt.pk, facts=facts, now=now)
    return True


def book_refunds(found: list[stripe_refunds.RefundFacts], *, now: datetime) -> None:
    """Book refunds, their payments first: word of a refund may come before word of the payment."""
    for facts in found:
        if is_booked(payment_intent_id=facts.payment_intent_id, now=now):
            refund_booking.book_refund(facts=facts, now=now)


def book_dispute(facts: stripe_disputes.DisputeFacts, *, now: datetime) -> None:
    """Book a dispute, its payment first."""
    if is_booked(payment_intent_id=facts.payment_intent_id, now=now):
        book_chargeback(facts=facts, now=now)


def _take_card(event: WebhookEvent, *, provider: Provider, now: datetime) -> None:
    if _is_overtaken(event):
        logger.warning("Card of %s not taken: a newer one is on file", event.object_id)
        return
    try:
        cards.adopt_card(provider=provider, setup_intent_id=event.object_id, now=now)
    except cards.CardNotAccepted as refusal:
        logger.warning("Card of %s not taken: %s", event.object_id, refusal)


def _is_overtaken(event: WebhookEvent) -> bool:
    """Whether the card on file is newer than this event: late word of an old card replaces none."""
    card = PaymentMethod.objects.current()
    return card is not None and event.created_at < card.became_default_at
