"""Charges and refunds. Refunds never exceed their charge."""

from sandbox.stripe import amounts, listing
from sandbox.stripe.errors import Json, StripeError
from sandbox.stripe.parameters import merged
from sandbox.stripe.session import Session, identifier

CREATE = {"amount", "charge", "metadata", "payment_intent", "reason"}
UPDATE = {"metadata"}
LIST = {*listing.DATED, "charge", "payment_intent"}
CHARGES = {*listing.DATED, "customer", "payment_intent"}


def create(session: Session, params: Json) -> Json:
    """Refund the rest of a charge, or a part of it."""
    charge = _refundable(session, params)
    left = charge["amount"] - charge["amount_refunded"]
    minor = params.get("amount", left)
    if minor > left:
        unit = charge["currency"]
        raise StripeError(
            f"Refund amount ({amounts.shown(minor, unit)}) is greater than unrefunded amount on "
            f"charge ({amounts.shown(left, unit)})",
            param="amount",
        )
    refund = {
        "id": identifier("re"),
        "object": "refund",
        "amount": minor,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": session.now,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": merged(None, params.get("metadata", {})),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    charge["amount_refunded"] += minor
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    session.save(refund)
    session.save(charge)
    session.emit("refund.created", refund)
    session.emit("charge.refunded", charge, previous=before)
    return refund


def _refundable(session: Session, params: Json) -> Json:
    if ("charge" in params) == ("payment_intent" in params):
        raise StripeError(
            "One of the following params should be provided for this request: payment_intent or "
            "charge.",
            code=None if "charge" in params else "parameter_missing",
        )
    if "charge" in params:
        charge = session.fetch("charge", params["charge"], param="charge")
    else:
        intent = session.fetch("payment_intent", params["payment_intent"], param="payment_intent")
        if intent["status"] != "succeeded":
            raise StripeError(
                f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
                param="payment_intent",
            )
        charge = session.fetch("charge", intent["latest_charge"])
    if charge["status"] != "succeeded":
        raise StripeError(
            f"Charge {charge['id']} was not successful and cannot be refunded.", param="charge"
        )
    if charge["refunded"]:
        raise StripeError(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    if charge["disputed"]:
        raise StripeError(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.",
            code="charge_disputed",
        )
    return charge


def fail(session: Session, reference: str) -> Json:
    """Fail a refund as the bank: the charge no longer counts it."""
    refund = session.fetch("refund", reference)
    if refund["status"] != "succeeded":
        raise StripeError(f"Refund {reference} has already failed.")
    charge = session.fetch("charge", refund["charge"])
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    refund.update(status="failed", failure_reason="expired_or_canceled_card")
    session.save(charge)
    session.save(refund)
    _emit_updated(session, refund, previous={"status": "succeeded"})
    session.emit("refund.failed", refund)
    return refund


def _emit_updated(session: Session, refund: Json, *, previous: Json | None = None) -> None:
    """Stripe reports an update of a card's refund under its older name too."""
    session.emit("refund.updated", refund, previous=previous)
    session.emit("charge.refund.updated", refund, previous=previous)


def update(session: Session, params: Json, reference: str) -> Json:
    """Change a refund's metadata."""
    refund = session.fetch("refund", reference)
    refund["metadata"] = merged(refund["metadata"], params.get("metadata", {}))
    session.save(refund)
    _emit_updated(session, refund)
    return refund


def retrieve(session: Session, params: Json, reference: str) -> Json:  # noqa: ARG001
    """One refund."""
    return session.fetch("refund", reference)


def listed(session: Session, params: Json) -> Json:
    """Refunds, newest first."""
    return listing.page(session, "refund", params, url="/v1/refunds")


def charge(session: Session, params: Json, reference: str) -> Json:  # noqa: ARG001
    """One charge."""
    return session.fetch("charge", reference)


def charges(session: Session, params: Json) -> Json:
    """Charges, failed ones too, newest first."""
    return listing.page(session, "charge", params, url="/v1/charges")
