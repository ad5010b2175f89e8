"""Charging a PaymentIntent: approved, declined, or to be authenticated by the holder."""

from dataclasses import asdict

from sandbox.stripe import cards, disputes, intents, payment_methods
from sandbox.stripe.cards import Answer
from sandbox.stripe.errors import Json, StripeError
from sandbox.stripe.session import Session, identifier, visible

NO_ADVICE = cards.Advice(network_decline_code=None)
NOTHING_OF_A_CHARGE: Json = dict.fromkeys(
    (
        "application",
        "application_fee",
        "application_fee_amount",
        "balance_transaction",
        "failure_balance_transaction",
        "failure_code",
        "failure_message",
        "on_behalf_of",
        "receipt_number",
        "review",
        "source",
        "source_transfer",
        "transfer_data",
        "transfer_group",
    )
)


def confirm(session: Session, intent: Json, params: Json) -> Json:
    """Get the bank's answer and act on it.

    Raises a StripeError of status 402 that carries the intent when the bank refuses.
    """
    method = intents.card_for(session, intent, params)
    off_session = bool(params.get("off_session"))
    bank = payment_methods.behaviour(session, method)
    answer = bank.charged(off_session=off_session, set_up=method["_set_up"])
    if answer is Answer.APPROVE and _three_d_secure_wanted(intent, params):
        answer = Answer.AUTHENTICATE
    intent.update(payment_method=method["id"], last_payment_error=None, next_action=None)
    if answer is Answer.APPROVE:
        return _approve(session, intent, method)
    if answer is not Answer.AUTHENTICATE:
        raise decline(session, intent, method, answer)
    if off_session or params.get("error_on_requires_action"):
        raise decline(session, intent, method, Answer.AUTHENTICATION_REQUIRED)
    intents.ask_holder(session, intent, params)
    return intent


def _three_d_secure_wanted(intent: Json, params: Json) -> bool:
    options = params.get("payment_method_options") or intent["payment_method_options"]
    wanted = (options.get("card") or {}).get("request_three_d_secure")
    return wanted in ("any", "challenge") and not params.get("off_session")


def authenticated(session: Session, intent: Json, *, passed: bool) -> Json:
    """Continue after the holder's challenge. A refusal is recorded, not raised."""
    method = session.fetch("payment_method", intent["payment_method"])
    intent["next_action"] = None
    if not passed:
        problem = StripeError(
            "We are unable to authenticate your payment method. Please choose a different payment "
            "method and try again.",
            kind="invalid_request_error",
            code="payment_intent_authentication_failure",
            payment_method=visible(method),
        )
        return _wait_for_card(session, intent, problem)
    answer = payment_methods.behaviour(session, method).once_authenticated
    if answer is Answer.APPROVE:
        if intent["setup_future_usage"] == "off_session":
            method["_set_up"] = True
        return _approve(session, intent, method)
    decline(session, intent, method, answer)
    return intent


def _approve(session: Session, intent: Json, method: Json) -> Json:
    _settle_ownership(session, intent, method)
    if session.store.setting("hold_payments", 0) > 0:
        session.store.set("hold_payments", session.store.setting("hold_payments", 0) - 1)
        intent.update(status="processing", processing={"type": "card"})
        session.save(intent)
        session.emit("payment_intent.processing", intent)
        return intent
    return succeed(session, intent, method)


def _settle_ownership(session: Session, intent: Json, method: Json) -> None:
    if method["customer"] is None:
        if intent["setup_future_usage"] and intent["customer"]:
            payment_methods.join(session, method, intent["customer"])
        else:
            method["_spent"] = True
    session.save(method)


def succeed(session: Session, intent: Json, method: Json) -> Json:
    """Record the successful charge."""
    charge = _charge(session, intent, method)
    intent.update(
        status="succeeded",
        processing=None,
        amount_received=intent["amount"],
        latest_charge=charge["id"],
    )
    session.save(charge)
    session.save(intent)
    session.emit("charge.succeeded", charge)
    session.emit("payment_intent.succeeded", intent)
    if method["_number"] == cards.DISPUTED:
        disputes.open_dispute(session, charge)
    return intent


def decline(session: Session, intent: Json, method: Json, answer: Answer) -> StripeError:
    """Record a failed charge; the error to raise carries the intent as it is now."""
    reason, advice = cards.DECLINES[answer], payment_methods.advice(method, answer)
    charge = _charge(session, intent, method)
    charge.update(
        amount_captured=0,
        captured=False,
        paid=False,
        status="failed",
        failure_code=reason.code,
        failure_message=reason.message,
        outcome=_outcome(answer, advice),
        receipt_url=None,
    )
    session.save(charge)
    session.emit("charge.failed", charge)
    problem = cards.card_error(
        answer, charge=charge["id"], payment_method=visible(method), **asdict(advice)
    )
    intent["latest_charge"] = charge["id"]
    _wait_for_card(session, intent, problem)
    problem.details["payment_intent"] = visible(intent)
    return problem


def _wait_for_card(session: Session, intent: Json, problem: StripeError) -> Json:
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        processing=None,
        last_payment_error=dict(problem.details),
    )
    session.save(intent)
    session.emit("payment_intent.payment_failed", intent)
    return intent


def _outcome(answer: Answer, advice: cards.Advice = NO_ADVICE) -> Json:
    approved = answer is Answer.APPROVE
    return {
        **asdict(advice),
        "network_status": "approved_by_network" if approved else "declined_by_network",
        "reason": None if approved else answer.value,
        "risk_level": "normal",
        "seller_message": "Payment complete."
        if approved
        else "The bank did not return any further details with this decline.",
        "type": "authorized" if approved else "issuer_declined",
    }


def _charge(session: Session, intent: Json, method: Json) -> Json:
    reference = identifier("ch")
    return {
        "id": reference,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"],
        "amount_refunded": 0,
        **NOTHING_OF_A_CHARGE,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "STAND-IN",
        "captured": True,
        "created": session.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "outcome": _outcome(Answer.APPROVE),
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _card_details(intent, method),
        "receipt_email": intent["receipt_email"],
        "receipt_url": f"{session.origin}/receipts/{reference}",
        "refunded": False,
        "shipping": intent["shipping"],
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "succeeded",
        "_idempotency_key": session.idempotency_key,
    }


def _card_details(intent: Json, method: Json) -> Json:
    names = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding")
    card = {name: method["card"][name] for name in names}
    return {
        "type": "card",
        "card": {
            **card,
            "amount_authorized": intent["amount"],
            "authorization_code": None,
            "extended_authorization": {"status": "disabled"},
            "incremental_authorization": {"status": "unavailable"},
            "installments": None,
            "last4": method["card"]["last4"],
            "mandate": None,
            "multicapture": {"status": "unavailable"},
            "network": method["card"]["brand"],
            "network_token": {"used": False},
            "network_transaction_id": None,
            "overcapture": {
                "maximum_amount_capturable": intent["amount"],
                "status": "unavailable",
            },
            "regulated_status": method["card"]["regulated_status"],
            "three_d_secure": None,
            "transaction_link_id": None,
            "wallet": None,
        },
    }
