"""Disputes at Stripe: what it says of one, and those of a payment."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from billing.gateway import client as gateway
from billing.models import Chargeback

if TYPE_CHECKING:
    from stripe.params import DisputeListParams

State = Chargeback.State

# An inquiry (`warning_…`) and a dispute that was prevented move no money.
_STATES = {
    "needs_response": State.OPEN,
    "under_review": State.OPEN,
    "won": State.WON,
    "lost": State.LOST,
}


@dataclass(frozen=True, slots=True)
class DisputeFacts:
    """A dispute. `currency` in capitals; `state` is None where no money moved."""

    stripe_dispute_id: str
    payment_intent_id: str
    amount_minor: int
    currency: str
    reason: str
    state: Chargeback.State | None
    evidence_due_at: datetime | None
    opened_at: datetime


def dispute(*, stripe_dispute_id: str) -> DisputeFacts:
    """A dispute as it is now. Raises `gateway.Refused` (resource_missing) for an unknown one."""
    return dispute_facts(gateway.call(gateway.client().v1.disputes.retrieve, stripe_dispute_id))


def disputes_of(*, payment_intent_id: str) -> Iterator[DisputeFacts]:
    """Every dispute of a payment, newest first."""
    parameters: DisputeListParams = {"payment_intent": payment_intent_id, "limit": 100}
    yield from map(dispute_facts, gateway.pages(gateway.client().v1.disputes.list, parameters))


def disputes_since(*, since: datetime) -> Iterator[Mapping[str, Any]]:
    """Every dispute of the account opened at or after `since`, as told, with its payment."""
    parameters: DisputeListParams = {
        "limit": 100,
        "created": {"gte": int(since.timestamp())},
        "expand": ["data.payment_intent"],
    }
    return gateway.pages(gateway.client().v1.disputes.list, parameters)


def dispute_facts(told: Mapping[str, Any]) -> DisputeFacts:
    """Read a dispute."""
    intent = told.get("payment_intent")
    due = (told.get("evidence_details") or {}).get("due_by")
    return DisputeFacts(
        stripe_dispute_id=str(told["id"]),
        payment_intent_id=str(intent["id"] if isinstance(intent, Mapping) else intent or ""),
        amount_minor=int(told["amount"]),
        currency=str(told["currency"]).upper(),
        reason=str(told.get("reason") or "").replace("_", " "),
        state=_STATES.get(str(told["status"])),
        evidence_due_at=datetime.fromtimestamp(int(due), tz=UTC) if due else None,
        opened_at=datetime.fromtimestamp(int(told["created"]), tz=UTC),
    )
