"""Refunds at Stripe."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from billing.gateway import client as gateway
from billing.gateway.objects import id_of
from billing.models import Refund

if TYPE_CHECKING:
    from stripe.params import RefundCreateParams, RefundListParams

# Every other state is pending at Stripe: the money has not moved yet.
_STATES = {
    "succeeded": Refund.State.SUCCEEDED,
    "failed": Refund.State.FAILED,
    "canceled": Refund.State.FAILED,
}


@dataclass(frozen=True, slots=True)
class RefundFacts:
    """A refund. `currency` is in capitals; `refund_key` is our idempotency key, or empty.

    `failure_reason` is Stripe's code of why it failed.
    """

    stripe_refund_id: str
    payment_intent_id: str
    amount_minor: int
    currency: str
    state: Refund.State
    refund_key: str
    failure_reason: str


def make_refund(
    *,
    payment_intent_id: str,
    amount_minor: int,
    provider_id: str,
    invoice_number: str,
    refund_key: str,
) -> RefundFacts:
    """Refund a part of a payment, once per key; a repeated call must pass the same parameters.

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
    """The state of a refund. Raises `gateway.Refused` (resource_missing) for an unknown one."""
    return refund_facts(gateway.call(gateway.client().v1.refunds.retrieve, stripe_refund_id))


def refunds_of(*, payment_intent_id: str) -> Iterator[RefundFacts]:
    """The refunds of a payment, newest first, including failed ones."""
    parameters: RefundListParams = {"payment_intent": payment_intent_id, "limit": 100}
    yield from map(refund_facts, gateway.pages(gateway.client().v1.refunds.list, parameters))


def refunds_since(*, since: datetime) -> Iterator[Mapping[str, Any]]:
    """The account's refunds created at or after `since`, as Stripe sends them, with payments."""
    parameters: RefundListParams = {
        "limit": 100,
        "created": {"gte": int(since.timestamp())},
        "expand": ["data.payment_intent"],
    }
    return gateway.pages(gateway.client().v1.refunds.list, parameters)


def refund_facts(refund: Mapping[str, Any]) -> RefundFacts:
    """Read a refund."""
    metadata = refund.get("metadata") or {}
    return RefundFacts(
        stripe_refund_id=str(refund["id"]),
        payment_intent_id=id_of(refund.get("payment_intent")),
        amount_minor=int(refund["amount"]),
        currency=str(refund["currency"]).upper(),
        state=_STATES.get(str(refund["status"]), Refund.State.PENDING),
        refund_key=str(metadata.get("refund", "")),
        failure_reason=str(refund.get("failure_reason") or ""),
    )
