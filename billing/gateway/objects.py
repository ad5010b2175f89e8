"""Stripe's objects, reduced to the facts that the portal uses."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

Json = Mapping[str, Any]


class PaymentOutcome(Enum):
    """The outcome of a charge attempt."""

    SUCCEEDED = "succeeded"
    PROCESSING = "processing"
    NEEDS_CONFIRMATION = "needs_confirmation"
    FAILED = "failed"


@dataclass(frozen=True)
class PaymentFacts:
    """A PaymentIntent. `currency` is in capitals; `attempt_key` is our idempotency key.

    A failed payment that is not cancelled can still be confirmed with its client secret.
    `advice_code` and `network_advice_code` say whether a declined card may be tried again.
    `refunded_minor`, `is_disputed` and the card are only set if the charge was expanded.
    """

    payment_intent_id: str
    outcome: PaymentOutcome
    amount_minor: int
    currency: str
    customer_id: str
    provider_id: str
    attempt_key: str
    decline_code: str
    failure_message: str
    is_canceled: bool
    invoice_number: str = ""
    invoice_month: str = ""
    invoice_kind: str = ""
    payment_method_id: str = ""
    advice_code: str = ""
    network_advice_code: str = ""
    refunded_minor: int = 0
    is_disputed: bool = False
    card_brand: str = ""
    card_last_four: str = ""


@dataclass(frozen=True)
class CardFacts:
    """A card of a customer at Stripe."""

    payment_method_id: str
    customer_id: str
    brand: str
    last_four: str
    expiry_month: int
    expiry_year: int


@dataclass(frozen=True)
class SetupFacts:
    """A SetupIntent: its provider, the user who started it, and `card` once it succeeded.

    `invoice_ids` are the invoices that the user chose to pay with the card.
    """

    setup_intent_id: str
    has_succeeded: bool
    customer_id: str
    provider_id: str
    actor_id: int | None
    actor_name: str
    card: CardFacts | None
    invoice_ids: tuple[int, ...] = ()


def payment_facts(intent: Json) -> PaymentFacts:
    """Read a PaymentIntent."""
    metadata = intent.get("metadata") or {}
    error = intent.get("last_payment_error") or {}
    charge = intent.get("latest_charge")
    charge = charge if isinstance(charge, Mapping) else {}
    outcome = charge.get("outcome") or {}
    card = (charge.get("payment_method_details") or {}).get("card") or {}
    return PaymentFacts(
        payment_intent_id=str(intent["id"]),
        outcome=_outcome(status=str(intent["status"]), error=error),
        amount_minor=int(intent["amount"]),
        currency=str(intent["currency"]).upper(),
        customer_id=id_of(intent.get("customer")),
        provider_id=str(metadata.get("provider", "")),
        attempt_key=str(metadata.get("attempt", "")),
        decline_code=str(error.get("decline_code") or error.get("code") or ""),
        failure_message=str(error.get("message") or ""),
        is_canceled=intent["status"] == "canceled",
        invoice_number=str(metadata.get("invoice", "")),
        invoice_month=str(metadata.get("month", "")),
        invoice_kind=str(metadata.get("kind", "")),
        payment_method_id=id_of(intent.get("payment_method")),
        advice_code=_advice("advice_code", error, outcome),
        network_advice_code=_advice("network_advice_code", error, outcome),
        refunded_minor=int(charge.get("amount_refunded") or 0),
        is_disputed=bool(charge.get("disputed")),
        card_brand=str(card.get("brand") or ""),
        card_last_four=str(card.get("last4") or ""),
    )


def _advice(name: str, error: Json, outcome: Json) -> str:
    return str(error.get(name) or outcome.get(name) or "")


def _outcome(*, status: str, error: Json) -> PaymentOutcome:
    if status == "succeeded":
        return PaymentOutcome.SUCCEEDED
    if status in ("processing", "requires_capture"):
        return PaymentOutcome.PROCESSING
    if status == "requires_action":
        return PaymentOutcome.NEEDS_CONFIRMATION
    if status == "requires_payment_method" and error.get("code") == "authentication_required":
        return PaymentOutcome.NEEDS_CONFIRMATION
    # Cancelled, declined or never confirmed: no money moves without another request.
    return PaymentOutcome.FAILED


def setup_facts(intent: Json) -> SetupFacts:
    """Read a SetupIntent with an expanded payment method."""
    metadata = intent.get("metadata") or {}
    method = intent.get("payment_method")
    actor = str(metadata.get("actor_id", ""))
    return SetupFacts(
        setup_intent_id=str(intent["id"]),
        has_succeeded=intent["status"] == "succeeded",
        customer_id=id_of(intent.get("customer")),
        provider_id=str(metadata.get("provider", "")),
        actor_id=int(actor) if actor.isdecimal() else None,
        actor_name=str(metadata.get("actor_name", "")),
        invoice_ids=tuple(
            int(each) for each in str(metadata.get("invoices", "")).split(",") if each.isdecimal()
        ),
        card=card_facts(method) if isinstance(method, Mapping) and method.get("card") else None,
    )


def card_facts(method: Json) -> CardFacts:
    """Read a PaymentMethod of type card."""
    card = method["card"]
    return CardFacts(
        payment_method_id=str(method["id"]),
        customer_id=id_of(method.get("customer")),
        brand=str(card["brand"]),
        last_four=str(card["last4"]),
        expiry_month=int(card["exp_month"]),
        expiry_year=int(card["exp_year"]),
    )


def id_of(reference: Any) -> str:
    """The id of a reference, which Stripe sends as an id or as an expanded object; "" for None."""
    if isinstance(reference, Mapping):
        return str(reference["id"])
    return str(reference or "")
