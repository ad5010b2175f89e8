"""The inbox of Stripe's events: each is verified, matched to a provider and stored once.

An event only says that an object changed. `billing.webhooks.handlers` reads the object from Stripe
again, so the order of events does not matter (docs/facts/stripe.md, Webhooks).
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
from accounts.models.provider import SET_UP
from billing import topics
from billing.gateway.objects import payment_facts
from billing.models import ChargeAttempt, WebhookEvent
from core.operations.unmatched_events import is_kept, keep_unmatched, settle_unmatched
from core.outbox.delivery import enqueue, try_again
from core.outbox.models import OutboxMessage
from core.schema import provider_schema

logger = logging.getLogger(__name__)

LARGEST_BODY = 256 * 1024
# The age in seconds up to which a signature is accepted; Stripe signs each delivery again.
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
# The object is a card; Stripe updates one itself when its bank renews it.
CARD_EVENTS = frozenset(
    {
        "payment_method.updated",
        "payment_method.automatically_updated",
        "payment_method.detached",
    }
)
CUSTOMER_EVENTS = frozenset({"customer.deleted"})
REFUND_EVENTS = frozenset(
    {"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"}
)
# The object is a charge: all refunds of its payment are read.
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
FRAUD_EVENTS = frozenset({"radar.early_fraud_warning.created"})
# About a payment: most name no customer, and a worker asks Stripe for it.
REVERSAL_EVENTS = REFUND_EVENTS | REFUNDED_EVENTS | DISPUTE_EVENTS | FRAUD_EVENTS
APPLIED_EVENTS = PAYMENT_EVENTS | SETUP_EVENTS | CARD_EVENTS | CUSTOMER_EVENTS | REVERSAL_EVENTS

# Exceptions that a malformed body, or a signature that is not ASCII, can cause.
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
    """The event is unsigned, stale or unreadable; nothing was changed."""


class NotOurs(Exception):
    """The event is authentic, but no provider's, or contradicts our records."""


@dataclass(frozen=True)
class Event:
    """A verified event; `subject` is the object that changed, as it was at `created_at`.

    `customer_id` is the customer at Stripe that it names, or empty.
    """

    id: str
    type: str
    created_at: datetime
    subject: Mapping[str, Any]
    customer_id: str = ""


def verified_event(*, body: bytes, signature: str, now: datetime) -> Event:
    """Return the event of a signed body. Raises `EventRefused` if the signature or body is bad."""
    if len(body) > LARGEST_BODY:
        raise EventRefused("The event is too large.")
    try:
        text = body.decode()
        stripe.WebhookSignature.verify_header(
            text, signature, settings.STRIPE_WEBHOOK_SECRET, TOLERANCE
        )
        # The SDK refuses an old time only.
        if _signed_at(signature) > now.timestamp() + TOLERANCE:
            raise EventRefused("The event is dated in the future.")
        return _event(json.loads(text))
    except stripe.SignatureVerificationError as error:
        reason = "too old" if "tolerance" in str(error) else "not signed by Stripe"
        raise EventRefused(f"The event is {reason}.") from error
    except _UNREADABLE as error:
        raise EventRefused("The event cannot be read.") from error


def _signed_at(signature: str) -> int:
    """Return the time of a verified signature: as in the SDK, the first `t`."""
    parts = (part.split("=", 2) for part in signature.split(","))
    return next(int(part[1]) for part in parts if part[0] == "t")


def _event(body: Any) -> Event:
    plain = json.dumps(body, ensure_ascii=False)
    plain.encode()
    if "\\u0000" in plain:
        raise ValueError("PostgreSQL cannot store this character")
    subject = body["data"]["object"]
    event = Event(
        id=_text(body["id"], LONGEST_ID),
        type=_text(body["type"], 100),
        created_at=datetime.fromtimestamp(int(body["created"]), tz=UTC),
        subject=subject,
        customer_id=_customer_of(body["type"], body["data"]),
    )
    _text(subject["id"], LONGEST_ID)
    return event


def _customer_of(kind: str, data: Mapping[str, Any]) -> str:
    """The customer that an event names; a detached card names it among its previous values."""
    subject, previous = data["object"], data.get("previous_attributes") or {}
    if kind in CUSTOMER_EVENTS:
        return _reference(subject["id"])
    return _reference(subject.get("customer")) or _reference(previous.get("customer"))


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise ValueError("not a text of this length")
    return value


def receive(*, event: Event, now: datetime) -> bool:
    """Store a verified event for its provider and queue its work; True if it was new.

    Events of other types are ignored. An event that is no provider's, or not as the attempt that
    it names, is kept for operations: with an error, Stripe would send it for days and then end all
    deliveries. Raises `EventRefused` if a payment cannot be read.
    """
    if event.type not in APPLIED_EVENTS:
        return False
    try:
        if event.type in REVERSAL_EVENTS and not event.customer_id:
            return _queue_owner_search(event, now=now)
        is_new = _store_for_owner(event, now=now)
    except NotOurs as reason:
        return keep_event(event, reason=str(reason), now=now)
    settle_unmatched(event_ids=[event.id], now=now)
    return is_new


def keep_event(event: Event, *, reason: str, now: datetime) -> bool:
    """Keep an event that is not ours for operations; True if it was new."""
    return keep_unmatched(
        event_id=event.id, kind=event.type, object_id=object_of(event), reason=reason, now=now
    )


def _store_for_owner(event: Event, *, now: datetime) -> bool:
    provider = _provider_of(event)
    with provider_schema(provider), transaction.atomic():
        if event.type in PAYMENT_EVENTS and not _is_of_an_attempt(event, provider):
            return False
        return store(event, now=now)


def _queue_owner_search(event: Event, *, now: datetime) -> bool:
    """Let a worker read the payment: disputes, warnings and most refunds name no customer.

    An event that was kept because no owner was found is searched for again when it is resent.
    """
    payment_intent_id = _reference(event.subject.get("payment_intent"))
    if not payment_intent_id:
        raise NotOurs("The charge has no payment, so it is none of ours.")
    payload = {
        "event_id": event.id,
        "type": event.type,
        "object_id": object_of(event),
        "created_at": event.created_at.isoformat(),
        "payment_intent_id": payment_intent_id,
    }
    with schema_context(get_public_schema_name()):
        enqueue(topic=topics.STRIPE_EVENT_OWNER, key=event.id[:200], payload=payload, now=now)
        if is_kept(event_id=event.id):
            search = OutboxMessage.objects.get(
                topic=topics.STRIPE_EVENT_OWNER, key=event.id[:200], schema_name=""
            )
            try_again(message=search, now=now)
    return True


def object_of(event: Event) -> str:
    """Return the id to read at Stripe: the object's, or the payment's of a refunded charge."""
    if event.type in REFUNDED_EVENTS:
        return _reference(event.subject.get("payment_intent")) or str(event.subject["id"])
    return str(event.subject["id"])


def _reference(value: Any) -> str:
    """Return the id of a referenced object, expanded or not; empty for other values."""
    object_id = value.get("id") if isinstance(value, Mapping) else value
    return object_id if isinstance(object_id, str) and len(object_id) <= LONGEST_ID else ""


def provider_of_customer(customer_id: str) -> Provider | None:
    """Return the active provider that has or had this customer at Stripe."""
    if not customer_id:
        return None
    # Of one that is being moved too: entering it raises, and Stripe sends the event again.
    active = Provider.objects.filter(state__in=SET_UP)
    provider: Provider | None = (
        active.filter(stripe_customer_id=customer_id).first()
        or active.filter(former_customers__stripe_customer_id=customer_id).first()
    )
    return provider


def _provider_of(event: Event) -> Provider:
    provider = provider_of_customer(event.customer_id)
    if provider is None:
        raise NotOurs("The customer is not one of ours.")
    metadata = event.subject.get("metadata") or {}
    provider_id = metadata.get("provider") if isinstance(metadata, Mapping) else None
    if provider_id is not None and provider_id != str(provider.provider_id):
        raise NotOurs("The event names another provider than its customer's.")
    return provider


def _is_of_an_attempt(event: Event, provider: Provider) -> bool:
    """Whether a payment is one of our attempts; raises `NotOurs` if it only claims to be.

    A payment made in Stripe's dashboard names no attempt and is ignored.
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
        raise NotOurs("The payment names an attempt that does not exist.")
    stripe_facts = (facts.amount_minor, facts.currency, facts.provider_id)
    if stripe_facts != (attempt.amount_minor, attempt.currency, str(provider.provider_id)):
        raise NotOurs("Amount, currency or provider are not those of the attempt.")
    return True


def attempt_named(key: str) -> ChargeAttempt | None:
    """Return the current provider's attempt with this idempotency key."""
    return ChargeAttempt.objects.filter(idempotency_key=key).first()


def store(event: Event, *, now: datetime) -> bool:
    """Store an event of the current provider once, and queue its work; True if it was new."""
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
