"""Disputes of payments at Stripe."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from billing.gateway import client as gateway
from billing.gateway.objects import id_of
from billing.models import Chargeback

if TYPE_CHECKING:
    from stripe.params import DisputeListParams

State = Chargeback.State

# An inquiry (`warning_…`) and a prevented dispute move no money.
_STATES = {
    "needs_response": State.OPEN,
    "under_review": State.OPEN,
    "won": State.WON,
    "lost": State.LOST,
}


@dataclass(frozen=True, slots=True)
class DisputeFacts:
    """A dispute. `currency` is in capitals; `state` is None if no money moved."""

    stripe_dispute_id: str
    payment_intent_id: str
    amount_minor: int
    currency: str
    reason: str
    state: Chargeback.State | None
    evidence_due_at: datetime | None
    opened_at: datetime


def dispute(*, stripe_dispute_id: str) -> DisputeFacts:
    """The state of a dispute. Raises `gateway.Refused` (resource_missing) for an unknown one."""
    return dispute_facts(gateway.call(gateway.client().v1.disputes.retrieve, stripe_dispute_id))


def disputes_of(*, payment_intent_id: str) -> Iterator[DisputeFacts]:
    """Every dispute of a payment, newest first."""
    parameters: DisputeListParams = {"payment_intent": payment_intent_id, "limit": 100}
    yield from map(dispute_facts, gateway.pages(gateway.client().v1.disputes.list, parameters))


def disputes_since(*, since: datetime) -> Iterator[Mapping[str, Any]]:
    """The account's disputes opened at or after `since`, as Stripe sends them, with payments."""
    parameters: DisputeListParams = {
        "limit": 100,
        "created": {"gte": int(since.timestamp())},
        "expand": ["data.payment_intent"],
    }
    return gateway.pages(gateway.client().v1.disputes.list, parameters)


def dispute_facts(dispute: Mapping[str, Any]) -> DisputeFacts:
    """Read a dispute."""
    due = (dispute.get("evidence_details") or {}).get("due_by")
    return DisputeFacts(
        stripe_dispute_id=str(dispute["id"]),
        payment_intent_id=id_of(dispute.get("payment_intent")),
        amount_minor=int(dispute["amount"]),
        currency=str(dispute["currency"]).upper(),
        reason=str(dispute.get("reason") or "").replace("_", " "),
        state=_STATES.get(str(dispute["status"])),
        evidence_due_at=datetime.fromtimestamp(int(due), tz=UTC) if due else None,
        opened_at=datetime.fromtimestamp(int(dispute["created"]), tz=UTC),
    )
