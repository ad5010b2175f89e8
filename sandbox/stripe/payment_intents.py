"""PaymentIntents: one amount to be paid by one customer."""

from sandbox.stripe import amounts, charging, intents, listing, payment_methods
from sandbox.stripe.errors import Json, StripeError
from sandbox.stripe.parameters import merged
from sandbox.stripe.session import Session, client_secret, identifier

NOTHING_YET: Json = dict.fromkeys(
    (
        "application",
        "application_fee_amount",
        "canceled_at",
        "cancellation_reason",
        "customer_account",
        "excluded_payment_method_types",
        "last_payment_error",
        "latest_charge",
        "managed_payments",
        "next_action",
        "on_behalf_of",
        "payment_method",
        "payment_method_configuration_details",
        "processing",
        "review",
        "source",
        "transfer_data",
        "transfer_group",
    )
)
UPDATE = {
    *("allowed_payment_method_types", "amount", "currency", "customer", "description", "metadata"),
    *("payment_method", "payment_method_options[card][request_three_d_secure]", "receipt_email"),
    *("setup_future_usage", "shipping", "statement_descriptor", "statement_descriptor_suffix"),
}
CONFIRM = {
    *(*intents.CONFIRM, "error_on_requires_action", "off_session", "receipt_email"),
    *("setup_future_usage", "shipping"),
}
CREATE = {
    *(*UPDATE, *CONFIRM, *intents.METHODS, "capture_method", "confirm", "confirmation_method"),
}
CANCEL = {"cancellation_reason"}
LIST = {*listing.DATED, "customer"}


def create(session: Session, params: Json) -> Json:
    """A new intent, tried at once with `confirm`."""
    amounts.check_charge(params["amount"], params["currency"])
    if "customer" in params:
        session.customer(params["customer"], param="customer")
    confirm = params.get("confirm", False)
    for name in ("off_session", "error_on_requires_action", "payment_method_data"):
        if params.get(name) and not confirm:
            raise StripeError(
                f"You cannot set `{name}` without also setting `confirm=true`.", param=name
            )
    intent = _blank(session, params)
    if "payment_method" in params:
        method = payment_methods.usable(
            session, params["payment_method"], customer=intent["customer"]
        )
        intent.update(payment_method=method["id"], status="requires_confirmation")
    if confirm:
        intents.guard_return_url(session, intent, params)
    session.save(intent)
    session.emit("payment_intent.created", intent)
    if not confirm:
        return intent
    named = {**params, "payment_method": intent["payment_method"]}
    return charging.confirm(session, intent, named)


def _blank(session: Session, params: Json) -> Json:
    reference = identifier("pi")
    return {
        "id": reference,
        "object": "payment_intent",
        "amount": params["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        **NOTHING_YET,
        "capture_method": params.get("capture_method", "automatic_async"),
        "client_secret": client_secret(reference),
        "confirmation_method": params.get("confirmation_method", "automatic"),
        "created": session.now,
        "currency": params["currency"],
        "customer": params.get("customer"),
        "description": params.get("description"),
        "livemode": False,
        "metadata": merged(None, params.get("metadata", {})),
        "payment_method_options": params.get("payment_method_options") or {},
        "receipt_email": params.get("receipt_email"),
        "setup_future_usage": params.get("setup_future_usage"),
        "shipping": params.get("shipping"),
        "statement_descriptor": params.get("statement_descriptor"),
        "statement_descriptor_suffix": params.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        **intents.method_fields(params),
    }


def retrieve(session: Session, params: Json, reference: str) -> Json:
    """One intent; a browser needs its client secret."""
    return intents.fetch(session, "payment_intent", reference, params.get("client_secret"))


def update(session: Session, params: Json, reference: str) -> Json:
    """Change an intent that has not been paid."""
    intent = session.fetch("payment_intent", reference)
    if "customer" in params:
        session.customer(params["customer"], param="customer")
    frozen = intent["status"] not in ("requires_payment_method", "requires_confirmation")
    for name, value in params.items():
        if name == "metadata":
            intent["metadata"] = merged(intent["metadata"], value)
        elif name == "description":
            intent[name] = value
        elif frozen:
            raise intents.unexpected(
                intent,
                f"This PaymentIntent's {name} could not be updated because it has a status of "
                f"{intent['status']}.",
            )
        elif name == "payment_method":
            method = payment_methods.usable(session, value, customer=intent["customer"])
            intent.update(payment_method=method["id"], status="requires_confirmation")
        else:
            intent[name] = value
    amounts.check_charge(intent["amount"], intent["currency"])
    return session.save(intent)


def confirm(session: Session, params: Json, reference: str) -> Json:
    """Confirm the intent, which charges the card."""
    intent = intents.fetch(session, "payment_intent", reference, params.get("client_secret"))
    intents.guard_confirmation(intent)
    intents.guard_return_url(session, intent, params)
    for name in ("receipt_email", "setup_future_usage", "shipping"):
        if name in params:
            intent[name] = params[name]
    return charging.confirm(session, intent, params)


def cancel(session: Session, params: Json, reference: str) -> Json:
    """Cancel the intent."""
    return intents.cancel(session, session.fetch("payment_intent", reference), params)


def listed(session: Session, params: Json) -> Json:
    """Intents, newest first."""
    return listing.page(session, "payment_intent", params, url="/v1/payment_intents")
