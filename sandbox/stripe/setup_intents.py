"""SetupIntents: attach a card for charges without its holder."""

from sandbox.stripe import cards, intents, listing, payment_methods
from sandbox.stripe.cards import Answer
from sandbox.stripe.errors import Json, StripeError
from sandbox.stripe.parameters import merged
from sandbox.stripe.session import Session, client_secret, identifier, visible

NOTHING_YET: Json = dict.fromkeys(
    (
        "application",
        "cancellation_reason",
        "customer_account",
        "excluded_payment_method_types",
        "flow_directions",
        "last_setup_error",
        "latest_attempt",
        "mandate",
        "next_action",
        "on_behalf_of",
        "payment_method",
        "payment_method_configuration_details",
        "single_use_mandate",
    )
)
UPDATE = {"customer", "description", "metadata", "payment_method"}
CREATE = {*UPDATE, *intents.METHODS, *intents.CONFIRM, "confirm", "usage"}
CANCEL = {"cancellation_reason"}
LIST = {*listing.DATED, "customer", "payment_method"}


def create(session: Session, params: Json) -> Json:
    """A new intent, confirmed at once with `confirm`."""
    if "customer" in params:
        session.customer(params["customer"], param="customer")
    reference = identifier("seti")
    intent = {
        "id": reference,
        "object": "setup_intent",
        **NOTHING_YET,
        "client_secret": client_secret(reference),
        "created": session.now,
        "customer": params.get("customer"),
        "description": params.get("description"),
        "livemode": False,
        "metadata": merged(None, params.get("metadata", {})),
        "payment_method_options": params.get("payment_method_options") or {},
        "status": "requires_payment_method",
        "usage": params.get("usage", "off_session"),
        **intents.method_fields(params),
    }
    if "payment_method" in params:
        _choose(session, intent, params["payment_method"])
    if params.get("confirm"):
        intents.guard_return_url(session, intent, params)
    session.save(intent)
    session.emit("setup_intent.created", intent)
    if params.get("confirm"):
        return _confirm(session, intent, {**params, "payment_method": intent["payment_method"]})
    return intent


def _choose(session: Session, intent: Json, reference: str) -> None:
    method = payment_methods.usable(session, reference, customer=intent["customer"])
    intent.update(payment_method=method["id"], status="requires_confirmation")


def retrieve(session: Session, params: Json, reference: str) -> Json:
    """One intent; a browser needs its client secret."""
    return intents.fetch(session, "setup_intent", reference, params.get("client_secret"))


def update(session: Session, params: Json, reference: str) -> Json:
    """Change an intent that has not finished."""
    intent = session.fetch("setup_intent", reference)
    if "metadata" in params:
        intent["metadata"] = merged(intent["metadata"], params["metadata"])
    if "customer" in params:
        session.customer(params["customer"], param="customer")
    for name in ("customer", "description"):
        if name in params:
            intent[name] = params[name]
    if "payment_method" in params:
        _choose(session, intent, params["payment_method"])
    return session.save(intent)


def confirm(session: Session, params: Json, reference: str) -> Json:
    """Attach the card if its bank approves."""
    intent = intents.fetch(session, "setup_intent", reference, params.get("client_secret"))
    intents.guard_confirmation(intent)
    intents.guard_return_url(session, intent, params)
    return _confirm(session, intent, params)


def _confirm(session: Session, intent: Json, params: Json) -> Json:
    method = intents.card_for(session, intent, params)
    answer = payment_methods.behaviour(session, method).setup
    intent.update(payment_method=method["id"], last_setup_error=None, next_action=None)
    if answer is Answer.AUTHENTICATE:
        intents.ask_holder(session, intent, params)
        return intent
    if answer is Answer.APPROVE:
        return _succeed(session, intent, method)
    problem = cards.card_error(answer, payment_method=visible(method))
    _fail(session, intent, problem)
    problem.details["setup_intent"] = visible(intent)
    raise problem


def authenticated(session: Session, intent: Json, *, passed: bool) -> Json:
    """Continue after the holder's challenge. A refusal is recorded, not raised."""
    method = session.fetch("payment_method", intent["payment_method"])
    intent["next_action"] = None
    if passed:
        return _succeed(session, intent, method)
    problem = StripeError(
        "We are unable to authenticate your payment method. Please choose a different payment "
        "method and try again.",
        code="setup_intent_authentication_failure",
        payment_method=visible(method),
    )
    return _fail(session, intent, problem)


def _succeed(session: Session, intent: Json, method: Json) -> Json:
    if intent["usage"] == "off_session":
        method["_set_up"] = True
    session.save(method)
    if intent["customer"] is not None:
        payment_methods.join(session, method, intent["customer"])
    intent["status"] = "succeeded"
    session.save(intent)
    session.emit("setup_intent.succeeded", intent)
    return intent


def _fail(session: Session, intent: Json, problem: StripeError) -> Json:
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        last_setup_error=dict(problem.details),
    )
    session.save(intent)
    session.emit("setup_intent.setup_failed", intent)
    return intent


def cancel(session: Session, params: Json, reference: str) -> Json:
    """Cancel the intent."""
    return intents.cancel(session, session.fetch("setup_intent", reference), params)


def listed(session: Session, params: Json) -> Json:
    """Intents, newest first."""
    return listing.page(session, "setup_intent", params, url="/v1/setup_intents")
