"""PaymentIntents: one amount to be paid by one customer."""

from sandbox.stripe import charging, intents, listing, payment_methods
from sandbox.stripe.errors import Json, StripeError
from sandbox.stripe.parameters import (
    ADDRESS,
    EXPAND,
    Rules,
    amount,
    boolean,
    choice,
    clearable,
    currency,
    email,
    merged,
    metadata,
    shape,
    text,
)
from sandbox.stripe.session import Session, client_secret, identifier

SMALLEST = {
    "aed": 200,
    "bgn": 100,
    "czk": 1500,
    "dkk": 250,
    "gbp": 30,
    "hkd": 400,
    "huf": 17500,
    "mxn": 1000,
    "myr": 200,
    "nok": 300,
    "pln": 200,
    "ron": 200,
    "sek": 300,
    "thb": 1000,
    # What half a dollar is worth in them.
    "kwd": 160,
    "ugx": 180_000,
}
LARGEST = 99_999_999
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
SHIPPING = shape({"address": ADDRESS, "name": text, "phone": text})
DESCRIBED: Rules = {
    "amount": amount,
    "currency": currency,
    "customer": text,
    "description": clearable,
    "metadata": metadata,
    "payment_method": text,
    "payment_method_options": intents.CARD_OPTIONS,
    "receipt_email": email,
    "setup_future_usage": choice("off_session", "on_session"),
    "shipping": SHIPPING,
    "statement_descriptor": text,
    "statement_descriptor_suffix": text,
    **EXPAND,
}
CONFIRMATION: Rules = {
    "error_on_requires_action": boolean,
    "mandate_data": intents.MANDATE,
    "off_session": boolean,
    "payment_method_data": shape(payment_methods.NEW_CARD, required=("type", "card")),
    "return_url": text,
    "use_stripe_sdk": boolean,
}
CREATE: Rules = {
    **DESCRIBED,
    **CONFIRMATION,
    **intents.METHODS,
    "capture_method": choice("automatic", "automatic_async"),
    "confirm": boolean,
    "confirmation_method": choice("automatic", "manual"),
}
UPDATE: Rules = {
    **DESCRIBED,
    "allowed_payment_method_types": intents.METHODS["allowed_payment_method_types"],
}
CONFIRM: Rules = {
    **CONFIRMATION,
    "allowed_payment_method_types": intents.METHODS["allowed_payment_method_types"],
    "payment_method": text,
    "payment_method_options": intents.CARD_OPTIONS,
    "receipt_email": email,
    "setup_future_usage": choice("off_session", "on_session"),
    "shipping": SHIPPING,
    **EXPAND,
}
CANCEL: Rules = {
    "cancellation_reason": choice("abandoned", "duplicate", "fraudulent", "requested_by_customer"),
    **EXPAND,
}
LIST: Rules = {**listing.RULES, "customer": text}


def create(session: Session, params: Json) -> Json:
    """A new intent, tried at once with `confirm`."""
    _check_amount(params["amount"], params["currency"])
    if "customer" in params:
        customer = session.fetch("customer", params["customer"], param="customer")
        if customer.get("deleted"):
            raise StripeError(
                f"No such customer: '{customer['id']}'", code="resource_missing", param="customer"
            )
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


def _check_amount(minor: int, unit: str) -> None:
    smallest = SMALLEST.get(unit, 50)
    if minor < smallest:
        raise StripeError(
            f"Amount must be at least {smallest} {unit} in its smallest unit.",
            code="amount_too_small",
            param="amount",
        )
    if minor > LARGEST:
        raise StripeError(
            f"Amount must be no more than {LARGEST} {unit} in its smallest unit.",
            code="amount_too_large",
            param="amount",
        )


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
        session.fetch("customer", params["customer"], param="customer")
    frozen = intent["status"] not in ("requires_payment_method", "requires_confirmation")
    for name, value in params.items():
        if name == "metadata":
            intent["metadata"] = merged(intent["metadata"], value)
        elif name == "description":
            intent[name] = value
        elif name != "expand" and frozen:
            raise intents.unexpected(
                intent,
                f"This PaymentIntent's {name} could not be updated because it has a status of "
                f"{intent['status']}.",
            )
        elif name == "payment_method":
            method = payment_methods.usable(session, value, customer=intent["customer"])
            intent.update(payment_method=method["id"], status="requires_confirmation")
        elif name != "expand":
            intent[name] = value
    _check_amount(intent["amount"], intent["currency"])
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
