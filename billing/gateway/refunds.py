"""Refunds at Stripe: made, seen again, and what Stripe says of one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from billing.gateway import client as gateway
from billing.models import Refund

if TYPE_CHECKING:
    from stripe.params import RefundCreateParams, RefundListParams

# What Stripe calls pending may ask something of the customer: money has not moved either way.
_STATES = {
    "succeeded": Refund.State.SUCCEEDED,
    "failed": Refund.State.FAILED,
    "canceled": Refund.State.FAILED,
}


@dataclass(frozen=True, slots=True)
class RefundFacts:
    """A refund. `currency` in capitals; `refund_key` is the idempotency key we sent, if we did."""

    stripe_refund_id: str
    payment_intent_id: str
    amount_minor: int
    currency: str
    state: Refund.State
    refund_key: str
    failure_message: str


def make_refund(
    *,
    payment_intent_id: str,
    amount_minor: int,
    provider_id: str,
    invoice_number: str,
    refund_key: str,
) -> RefundFacts:
    """Give back a part of a payment, once for this key; the parameters are the same each time.

    Raises `gateway.NotDone`, `Misconfigured`, `OutcomeUnknown` or `Refused`.
    """
    parameters: RefundCreateParams = {
        "payment_intent": payment_intent_id,
        "amount": amount_minor,
        "metadata": {"provider": provider_id, "invoice": invoice_number, "refund": refund_key},
    }
    return refund_facts(
        gateway.call(
            gateway.client().v1.refunds.create, parameters, {"idempotency_key": refund_key}
        )
    )


def refund(*, stripe_refund_id: str) -> RefundFacts:
    """A refund as it is now. Raises `gateway.Refused` (resource_missing) for an unknown one."""
    return refund_facts(gateway.call(gateway.client().v1.refunds.retrieve, stripe_refund_id))


def refunds_of(*, payment_intent_id: str) -> Iterator[RefundFacts]:
    """Every refund of a payment, newest first, also those that failed."""
    parameters: RefundListParams = {"payment_intent": payment_intent_id, "limit": 100}
    yield from map(refund_facts, gateway.pages(gateway.client().v1.refunds.list, parameters))


def refunds_since(*, since: datetime) -> Iterator[Mapping[str, Any]]:
    """Every refund of the account made at or after `since`, as told, with its payment."""
    parameters: RefundListParams = {
        "limit": 100,
        "created": {"gte": int(since.timestamp())},
        "expand": ["data.payment_intent"],
    }
    return gateway.pages(gateway.client().v1.refunds.list, parameters)


def refund_facts(refund: Mapping[str, Any]) -> RefundFacts:
    """Read a refund."""
    metadata = refund.get("metadata") or {}
    intent = refund.get("payment_intent")
    return RefundFacts(
        stripe_refund_id=str(refund["id"]),
        payment_intent_id=str(intent["id"] if isinstance(intent, Mapping) else intent or ""),
        amount_minor=int(refund["amount"]),
        currency=str(refund["currency"]).upper(),
        state=_STATES.get(str(refund["status"]), Refund.State.PENDING),
        refund_key=str(metadata.get("refund", "")),
        failure_message=str(refund.get("failure_reason") or ""),
    )
