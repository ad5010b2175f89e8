"""Applying stored Stripe events: each reads the object from Stripe again and records that."""

import logging
from datetime import datetime

from accounts.models import Provider
from billing.corrections.fraud_warnings import take_warning
from billing.corrections.refunds import book_refund
from billing.gateway import client as gateway
from billing.gateway import disputes as stripe_disputes
from billing.gateway import fraud_warnings as stripe_warnings
from billing.gateway import refunds as stripe_refunds
from billing.models import Payment, PaymentMethod, WebhookEvent
from billing.payments import cards, charging
from billing.payments.chargebacks import book_chargeback
from billing.payments.withdrawn_cards import follow_card, follow_customer
from billing.webhooks.inbox import (
    CARD_EVENTS,
    CUSTOMER_EVENTS,
    DISPUTE_EVENTS,
    FRAUD_EVENTS,
    PAYMENT_EVENTS,
    REFUND_EVENTS,
    REFUNDED_EVENTS,
    Event,
    attempt_named,
    keep_event,
    provider_of_customer,
    store,
)
from core.operations.unmatched_events import settle_unmatched
from core.schema import provider_schema

logger = logging.getLogger(__name__)


def find_owner(*, event: Event, payment_intent_id: str, now: datetime) -> None:
    """Store an event that names no customer for the provider whose payment it is about.

    An event about a payment of no provider is kept for operations. Raises `gateway.GatewayError`.
    """
    facts = gateway.payment(payment_intent_id=payment_intent_id)
    provider = provider_of_customer(facts.customer_id)
    if provider is None or facts.provider_id not in ("", str(provider.provider_id)):
        keep_event(event, reason="The payment is of no customer of ours.", now=now)
        return
    with provider_schema(provider):
        store(event, now=now)
    settle_unmatched(event_ids=[event.id], now=now)


def apply_event(*, event_id: str, provider: Provider, now: datetime) -> None:
    """Apply a stored event with the object's current state at Stripe; safe to repeat.

    Raises `charging.PaymentMismatch` and `gateway.GatewayError`; the event can be applied again.
    """
    event = WebhookEvent.objects.get(event_id=event_id)
    if event.type in PAYMENT_EVENTS:
        if not _settle_payment(event.object_id, now=now):
            raise charging.PaymentMismatch(f"{event.object_id} names no attempt of ours")
    elif event.type in REFUND_EVENTS:
        book_refunds([stripe_refunds.refund(stripe_refund_id=event.object_id)], now=now)
    elif event.type in REFUNDED_EVENTS:
        refunds = stripe_refunds.refunds_of(payment_intent_id=event.object_id)
        book_refunds(list(refunds), now=now)
    elif event.type in DISPUTE_EVENTS:
        book_dispute(stripe_disputes.dispute(stripe_dispute_id=event.object_id), now=now)
    elif event.type in FRAUD_EVENTS:
        warn(stripe_warnings.fraud_warning(stripe_warning_id=event.object_id), now=now)
    elif event.type in CARD_EVENTS:
        follow_card(provider=provider, payment_method_id=event.object_id, now=now)
    elif event.type in CUSTOMER_EVENTS:
        follow_customer(provider=provider, customer_id=event.object_id, now=now)
    else:
        _adopt_card(event, provider=provider, now=now)
    WebhookEvent.objects.filter(pk=event.pk, applied_at=None).update(applied_at=now)


def _settle_payment(payment_intent_id: str, *, now: datetime) -> bool:
    """Settle the attempt of a payment; False if the payment is not ours."""
    facts = gateway.payment(payment_intent_id=payment_intent_id)
    attempt = attempt_named(facts.attempt_key) if facts.attempt_key else None
    if attempt is None:
        return False
    charging.settle(attempt_id=attempt.pk, facts=facts, now=now)
    return True


def _book_payment(payment_intent_id: str, *, now: datetime) -> bool:
    """Book a payment that a refund or dispute is about; False if it is not ours.

    The event of a refund can arrive before the event of its payment.
    """
    booked = Payment.objects.filter(stripe_payment_intent_id=payment_intent_id)
    return booked.exists() or _settle_payment(payment_intent_id, now=now)


def book_refunds(refunds: list[stripe_refunds.RefundFacts], *, now: datetime) -> None:
    """Book refunds of our payments, and first the payments themselves."""
    for facts in refunds:
        if _book_payment(facts.payment_intent_id, now=now):
            book_refund(facts=facts, now=now)


def book_dispute(facts: stripe_disputes.DisputeFacts, *, now: datetime) -> None:
    """Book a dispute of our payment, and first the payment itself."""
    if _book_payment(facts.payment_intent_id, now=now):
        book_chargeback(facts=facts, now=now)


def warn(facts: stripe_warnings.FraudWarningFacts, *, now: datetime) -> None:
    """Take an early fraud warning about our payment, and book first the payment itself."""
    if _book_payment(facts.payment_intent_id, now=now):
        take_warning(facts=facts, now=now)


def _adopt_card(event: WebhookEvent, *, provider: Provider, now: datetime) -> None:
    card = PaymentMethod.objects.order_by("became_default_at", "pk").last()
    if card is not None and event.created_at < card.became_default_at:
        # A late event of an older card must not replace a newer one, nor a newer withdrawn one.
        logger.warning("Card of %s not adopted: a newer one is on file", event.object_id)
        return
    try:
        cards.adopt_card(provider=provider, setup_intent_id=event.object_id, now=now)
    except cards.CardNotAccepted as refusal:
        logger.warning("Card of %s not adopted: %s", event.object_id, refusal)
