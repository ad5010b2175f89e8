"""Booking of recent refunds and disputes, however old their payments are.

A bank can contest a payment for months, so a list of recent payments does not contain every
dispute. Stripe lists refunds and disputes for all providers at once: this runs once a day, not once
for each provider.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from billing.gateway import client as gateway
from billing.gateway import disputes as stripe_disputes
from billing.gateway import refunds as stripe_refunds
from billing.models import Chargeback, Refund
from billing.payments.charging import PaymentMismatch
from billing.webhooks.handlers import book_dispute, book_refunds
from billing.webhooks.inbox import provider_of_customer
from core.schema import provider_schema

logger = logging.getLogger(__name__)

# Longer than Stripe tries to deliver an event.
LOOK_BACK = timedelta(days=7)
StripeObject = Mapping[str, Any]


def book_recent(*, now: datetime) -> int:
    """Book unknown refunds and disputes of the last seven days; return how many were booked.

    An object that is not a provider's, or that does not match its payment, is logged. Raises
    `gateway.GatewayError`.
    """
    since = now - LOOK_BACK
    refunds = stripe_refunds.refunds_since(since=since)
    disputes = stripe_disputes.disputes_since(since=since)
    return sum(_is_booked(each, _book_refund, now=now) for each in refunds) + sum(
        _is_booked(each, _book_dispute, now=now) for each in disputes
    )


def _is_booked(
    stripe_object: StripeObject, book: Callable[[StripeObject, datetime], bool], *, now: datetime
) -> bool:
    """Book an object for the provider whose customer paid; its payment is expanded."""
    intent = stripe_object.get("payment_intent")
    customer = intent.get("customer") if isinstance(intent, Mapping) else None
    provider = provider_of_customer(customer) if isinstance(customer, str) else None
    if provider is None:
        return False
    with provider_schema(provider):
        try:
            return book(stripe_object, now)
        except (PaymentMismatch, gateway.Refused) as error:
            logger.warning("%s was not booked: %s", stripe_object["id"], error)
            return False


def _book_refund(stripe_object: StripeObject, now: datetime) -> bool:
    facts = stripe_refunds.refund_facts(stripe_object)
    stored = Refund.objects.filter(stripe_refund_id=facts.stripe_refund_id)
    known = stored.first()
    if known is not None and known.state in (facts.state, Refund.State.FAILED):
        return False
    book_refunds([facts], now=now)
    return stored.exists()


def _book_dispute(stripe_object: StripeObject, now: datetime) -> bool:
    facts = stripe_disputes.dispute_facts(stripe_object)
    stored = Chargeback.objects.filter(stripe_dispute_id=facts.stripe_dispute_id)
    known = stored.first()
    if known is not None and known.state == facts.state:
        return False
    book_dispute(facts, now=now)
    return stored.exists()
