"""Charges contested by the card's holder."""

from sandbox.stripe import listing
from sandbox.stripe.errors import Json, StripeError
from sandbox.stripe.session import Session, identifier

DAY = 86_400
NO_EVIDENCE: Json = {
    "enhanced_eligibility": {},
    "has_evidence": False,
    "past_due": False,
    "submission_count": 0,
}
NOTHING_SUBMITTED: Json = {
    **dict.fromkeys(
        (
            "access_activity_log",
            "billing_address",
            "cancellation_policy",
            "cancellation_policy_disclosure",
            "cancellation_rebuttal",
            "customer_communication",
            "customer_email_address",
            "customer_name",
            "customer_purchase_ip",
            "customer_signature",
            "duplicate_charge_documentation",
            "duplicate_charge_explanation",
            "duplicate_charge_id",
            "product_description",
            "receipt",
            "refund_policy",
            "refund_policy_disclosure",
            "refund_refusal_explanation",
            "service_date",
            "service_documentation",
            "shipping_address",
            "shipping_carrier",
            "shipping_date",
            "shipping_documentation",
            "shipping_tracking_number",
            "uncategorized_file",
            "uncategorized_text",
        )
    ),
    "enhanced_evidence": {},
}
LIST = {*listing.DATED, "charge", "payment_intent"}


def open_dispute(
    session: Session, charge: Json, *, minor: int | None = None, reason: str = "fraudulent"
) -> Json:
    """The holder contests a charge, wholly or in part."""
    if charge["disputed"] or charge["status"] != "succeeded":
        raise StripeError(f"Charge {charge['id']} cannot be disputed.")
    dispute = {
        "id": identifier("du"),
        "object": "dispute",
        "amount": charge["amount"] if minor is None else minor,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": session.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": NOTHING_SUBMITTED,
        "evidence_details": {**NO_EVIDENCE, "due_by": session.now + 10 * DAY},
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": charge["payment_method_details"]["card"]["brand"],
                "case_type": "chargeback",
                "network": charge["payment_method_details"]["card"]["network"],
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        "reason": reason,
        "status": "needs_response",
    }
    charge["disputed"] = True
    session.save(charge)
    session.save(dispute)
    session.emit("charge.dispute.created", dispute)
    session.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def close(session: Session, dispute: Json, *, won: bool) -> Json:
    """The bank decides; money comes back only when won."""
    if dispute["status"] in ("won", "lost"):
        raise StripeError(f"Dispute {dispute['id']} is already closed.")
    before = {"status": dispute["status"]}
    dispute["status"] = "won" if won else "lost"
    session.save(dispute)
    session.emit("charge.dispute.closed", dispute, previous=before)
    if won:
        session.emit("charge.dispute.funds_reinstated", dispute)
    return dispute


def concede(session: Session, params: Json, reference: str) -> Json:  # noqa: ARG001
    """Stripe's own close: accept the loss."""
    return close(session, session.fetch("dispute", reference), won=False)


def retrieve(session: Session, params: Json, reference: str) -> Json:  # noqa: ARG001
    """One dispute."""
    return session.fetch("dispute", reference)


def listed(session: Session, params: Json) -> Json:
    """Disputes, newest first."""
    return listing.page(session, "dispute", params, url="/v1/disputes")
