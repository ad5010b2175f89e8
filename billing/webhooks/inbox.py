"""Stripe's word: verified, matched to a provider, kept once, and only then acted on.

An event is a hint that something changed. What is recorded comes from asking Stripe again
(`billing.webhooks.handlers`), so the order in which events arrive does not matter
(docs/facts/stripe.md, Webhooks).
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import stripe
from django.conf import settings
from django.db import transaction
from django_tenants.utils import get_public_schema_name, schema_context

from accounts.models import Provider
from billing import topics
from billing.gateway.objects import payment_facts
from billing.models import ChargeAttempt, WebhookEvent
from core.outbox.delivery import enqueue
from core.schema import provider_schema

logger = logging.getLogger(__name__)

LARGEST_BODY = 256 * 1024
# Seconds that an event may lie between Stripe and here; each delivery is signed anew.
TOLERANCE = 300
LONGEST_ID = 255

PAYMENT_EVENTS = frozenset(
    {
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.processing",
        "payment_intent.requires_action",
        "payment_intent.canceled",
    }
)
SETUP_EVENTS = frozenset({"setup_intent.succeeded"})
REFUND_EVENTS = frozenset({"refund.created", "refund.updated", "refund.failed"})
# About a charge, known by its payment: which refunds it has is asked.
REFUNDED_EVENTS = frozenset({"charge.refunded"})
DISPUTE_EVENTS = frozenset(
    {
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
    }
)
BACK_EVENTS = REFUND_EVENTS | REFUNDED_EVENTS | DISPUTE_EVENTS

# What a body of any shape, or a signature that is not ASCII, can make the reading of it raise.
_UNREADABLE = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    OSError,
    RecursionError,
)


class EventRefused(Exception):
    """The event is not believed or not ours; nothing was changed."""


@dataclass(frozen=True)
class Event:
    """A verified event: its id, type, instant, and the object it is about as it was then."""

    id: str
    type: str
    created_at: datetime
    subject: Mapping[str, Any]


def verified_event(*, body: bytes, signature: str) -> Event:
    """The event in a signed body. Raises `EventRefused` for anything else."""
    if len(body) > LARGEST_BODY:
        raise EventRefused("The event is too large.")
    try:
        text = body.decode()
        stripe.WebhookSignature.verify_header(
            text, signature, settings.STRIPE_WEBHOOK_SECRET, TOLERANCE
        )
        return _event(json.loads(text))
    except stripe.SignatureVerificationError as error:
        reason = "too old" if "tolerance" in str(error) else "not signed by Stripe"
        raise EventRefused(f"The event is {reason}.") from error
    except _UNREADABLE as error:
        raise EventRefused("The event cannot be read.") from error


def _event(told: Any) -> Event:
    plain = json.dumps(told, ensure_ascii=False)
    plain.encode()
    if "\\u0000" in plain:
        raise ValueError("no database keeps this character")
    subject = told["data"]["object"]
    event = Event(
        id=_text(told["id"], LONGEST_ID),
        type=_text(told["type"], 100),
        created_at=datetime.fromtimestamp(int(told["created"]), tz=UTC),
        subject=subject,
    )
    _text(subject["id"], LONGEST_ID)
    return event


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise ValueError("not a text of this length")
    return value


def receive(*, event: Event, now: datetime) -> bool:
    """Keep a verified event for its provider and have it acted on; True when it was new.

    Events of kinds we don't use are passed over. Raises `EventRefused` where the customer is not a
    provider's, or provider, amount or currency are not those of the attempt it names.
    """
    if event.type not in PAYMENT_EVENTS | SETUP_EVENTS | BACK_EVENTS:
        return False
    if event.type in BACK_EVENTS and not _reference(event.subject.get("customer")):
        return _ask_whose(event, now=now)
    provider = _provider_of(event)
    with provider_schema(provider), transaction.atomic():
        if event.type in PAYMENT_EVENTS and not _concerns_an_attempt(event, provider):
            return False
        return keep(event, now=now)


def _ask_whose(event: Event, *, now: datetime) -> bool:
    """Have a worker ask Stripe: disputes, and most refunds, name their payment and no customer."""
    payment_intent_id = _reference(event.subject.get("payment_intent"))
    if not payment_intent_id:
        # Of a charge without a PaymentIntent: none of ours.
        return False
    payload = {
        "event_id": event.id,
        "type": event.type,
        "object_id": object_of(event),
        "created_at": event.created_at.isoformat(),
        "payment_intent_id": payment_intent_id,
    }
    with schema_context(get_public_schema_name()):
        enqueue(topic=topics.STRIPE_EVENT_OWNER, key=event.id[:200], payload=payload, now=now)
    return True


def object_of(event: Event) -> str:
    """What to ask Stripe about: the object, or a refunded charge's payment."""
    if event.type in REFUNDED_EVENTS:
        return _reference(event.subject.get("payment_intent")) or str(event.subject["id"])
    return str(event.subject["id"])


def _reference(told: Any) -> str:
    """The id of what is named, expanded or not; empty for anything else."""
    named = told.get("id") if isinstance(told, Mapping) else told
    return named if isinstance(named, str) and len(named) <= LONGEST_ID else ""


def provider_of_customer(customer_id: str) -> Provider | None:
    """The active provider whose customer at Stripe this is."""
    if not customer_id:
        return None
    provider: Provider | None = Provider.objects.filter(
        stripe_customer_id=customer_id, state=Provider.State.ACTIVE
    ).first()
    return provider


def _provider_of(event: Event) -> Provider:
    provider = provider_of_customer(_reference(event.subject.get("customer")))
    if provider is None:
        raise EventRefused("The customer is not one of ours.")
    metadata = event.subject.get("metadata") or {}
    named = metadata.get("provider") if isinstance(metadata, Mapping) else None
    if named is not None and named != str(provider.provider_id):
        raise EventRefused("The event names another provider than its customer's.")
    return provider


def _concerns_an_attempt(event: Event, provider: Provider) -> bool:
    """Whether a payment is one of our attempts, and then the very one it says it is.

    A payment made by hand at Stripe's dashboard names no attempt and is left alone.
    """
    try:
        facts = payment_facts(event.subject)
    except _UNREADABLE as error:
        raise EventRefused("The payment cannot be read.") from error
    if not facts.attempt_key:
        logger.info("Payment %s of %s is none of ours", facts.payment_intent_id, provider)
        return False
    attempt = attempt_named(facts.attempt_key)
    if attempt is None:
        raise EventRefused("The payment names an attempt that does not exist.")
    told = (facts.amount_minor, facts.currency, facts.provider_id)
    if told != (attempt.amount_minor, attempt.currency, str(provider.provider_id)):
        raise EventRefused("Amount, currency or provider are not those of the attempt.")
    return True


def attempt_named(key: str) -> ChargeAttempt | None:
    """The current provider's attempt with this idempotency key."""
    return ChargeAttempt.objects.filter(idempotency_key=key).first()


def keep(event: Event, *, now: datetime) -> bool:
    """Keep an event of the entered provider, once, and order the work; True when it was new."""
    if WebhookEvent.objects.filter(event_id=event.id).exists():
        return False
    WebhookEvent.objects.bulk_create(
        [
            WebhookEvent(
                event_id=event.id,
                type=event.type,
                object_id=object_of(event),
                created_at=event.created_at,
                received_at=now,
            )
        ],
        ignore_conflicts=True,
    )
    enqueue(
        topic=topics.STRIPE_EVENT,
        key=event.id[:200],
        payload={"event_id": event.id},
        now=now,
    )
    return True
