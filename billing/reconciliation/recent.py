"""What Stripe gave or took back lately, of whatever age the payment is.

A bank may contest a payment for months: no list of recent payments has it. Stripe lists refunds and
disputes for all providers at once, so this is asked once a day, not once for each.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Provider
from billing.gateway import client as gateway
from billing.gateway import disputes as stripe_disputes
from billing.gateway import refunds as stripe_refunds
from billing.models import Chargeback, Refund
from billing.payments.charging import PaymentMismatch
from billing.webhooks.handlers import book_dispute, book_refunds
from billing.webhooks.inbox import provider_of_customer
from core.schema import provider_schema

logger = logging.getLogger(__name__)

# Longer than Stripe tries to deliver an event that nobody took.
LATELY = timedelta(days=7)


def book_recent(*, now: datetime) -> int:
    """Book refunds and disputes made in the last seven days that we have not heard of; how many.

    Raises `gateway.GatewayError`. What is not a provider's, or does not fit its payment, is logged.
    """
    since = now - LATELY
    booked = 0
    for told in stripe_refunds.refunds_since(since=since):
        booked += _booked(told, _book_refund, now=now)
    for told in stripe_disputes.disputes_since(since=since):
        booked += _booked(told, _book_dispute, now=now)
    return booked


def _booked(told: Mapping[str, Any], book: Any, *, now: datetime) -> bool:
    provider = _owner_of(told)
    if provider is None:
        return False
    with provider_schema(provider):
        try:
            return bool(book(told, now=now))
        except (PaymentMismatch, gateway.Refused) as error:
            logger.warning("%s was not booked: %s", told["id"], error)
            return False


def _owner_of(told: Mapping[str, Any]) -> Provider | None:
    """The provider whose customer made the payment; the payment is part of the answer."""
    intent = told.get("payment_intent")
    customer = intent.get("customer") if isinstance(intent, Mapping) else None
    return provider_of_customer(customer) if isinstance(customer, str) else None


def _book_refund(told: Mapping[str, Any], *, now: datetime) -> bool:
    facts = stripe_refunds.refund_facts(told)
    known = Refund.objects.filter(stripe_refund_id=facts.stripe_refund_id).first()
    if known is not None and known.state in (facts.state, Refund.State.FAILED):
        return False
    book_refunds([facts], now=now)
    return Refund.objects.filter(stripe_refund_id=facts.stripe_refund_id).exists()


def _book_dispute(told: Mapping[str, Any], *, now: datetime) -> bool:
    facts = stripe_disputes.dispute_facts(told)
    known = Chargeback.objects.filter(stripe_dispute_id=facts.stripe_dispute_id).first()
    if known is not None and known.state == facts.state:
        return False
    book_dispute(facts, now=now)
    return Chargeback.objects.filter(stripe_dispute_id=facts.stripe_dispute_id).exists()
