"""Shared parts of payment and setup intents: state guards, the card, the challenge."""

from sandbox.stripe import payment_methods
from sandbox.stripe.errors import Json, StripeError
from sandbox.stripe.session import Session, visible

NAMES = {"payment_intent": "PaymentIntent", "setup_intent": "SetupIntent"}
METHODS = {
    *("allowed_payment_method_types", "automatic_payment_methods[enabled]"),
    "automatic_payment_methods[allow_redirects]",
}
CONFIRM = {
    *("allowed_payment_method_types", "mandate_data", "payment_method", "return_url"),
    *("payment_method_options[card][request_three_d_secure]", "use_stripe_sdk"),
}


def method_fields(params: Json) -> Json:
    """The allowed kinds of payment, as the answer has them."""
    allowed = params.get("allowed_payment_method_types")
    automatic = params.get("automatic_payment_methods")
    if automatic is None and allowed is None:
        automatic = {"enabled": True}
    if automatic is not None:
        automatic = {"allow_redirects": "always", **automatic}
    return {
        "allowed_payment_method_types": allowed,
        "automatic_payment_methods": automatic,
        "payment_method_types": allowed or ["card", "link"],
    }


def fetch(session: Session, kind: str, reference: str, secret: str | None) -> Json:
    """The intent; a browser must know its client secret."""
    intent = session.fetch(kind, reference, param="intent" if session.publishable else None)
    if session.publishable and secret is None:
        raise StripeError(
            "Missing required param: client_secret.",
            code="parameter_missing",
            param="client_secret",
        )
    if secret is not None and secret != intent["client_secret"]:
        raise StripeError(
            f"The client_secret provided does not match any associated {NAMES[kind]} on this "
            "account. Ensure the publishable key used belongs to the same account that created "
            f"the {NAMES[kind]}.",
            code=f"{kind}_invalid_parameter",
            param="client_secret",
        )
    return intent


def unexpected(intent: Json, message: str) -> StripeError:
    """The intent is in a state that doesn't allow this."""
    shown: Json = {intent["object"]: visible(intent)}
    return StripeError(message, code=f"{intent['object']}_unexpected_state", **shown)


def guard_confirmation(intent: Json) -> None:
    """Only an intent that waits for a card or a confirmation can be confirmed."""
    name = NAMES[intent["object"]]
    if intent["status"] == "succeeded":
        raise unexpected(
            intent,
            f"You cannot confirm this {name} because it has already succeeded after being "
            "previously confirmed.",
        )
    if intent["status"] not in ("requires_payment_method", "requires_confirmation"):
        raise unexpected(
            intent,
            f"This {name}'s payment_method could not be confirmed because it has a status of "
            f"{intent['status']}. Only a {name} with one of the following statuses may be "
            "confirmed: requires_confirmation, requires_payment_method.",
        )


def card_for(session: Session, intent: Json, params: Json) -> Json:
    """The card to confirm with: just entered, named, or already on the intent."""
    if params.get("payment_method_data"):
        return payment_methods.create(session, params["payment_method_data"])
    reference = params.get("payment_method") or intent["payment_method"]
    if reference is None:
        name = NAMES[intent["object"]]
        raise unexpected(
            intent,
            f"You cannot confirm this {name} because it's missing a payment method. You can either "
            f"update the {name} with a payment method and then confirm it again, or confirm it "
            "again directly with a payment method or ConfirmationToken.",
        )
    return payment_methods.usable(session, reference, customer=intent["customer"])


def guard_return_url(session: Session, intent: Json, params: Json) -> None:
    """A server that confirms on-session needs a return URL, or must forbid redirects."""
    automatic = intent["automatic_payment_methods"]
    redirects = automatic and automatic["enabled"] and automatic["allow_redirects"] == "always"
    if session.publishable or not redirects:
        return
    if params.get("return_url") or params.get("off_session"):
        return
    name = NAMES[intent["object"]]
    shown: Json = {intent["object"]: visible(intent)}
    raise StripeError(
        f"This {name} is configured to accept payment methods enabled in your Dashboard. Because "
        "some of these payment methods might redirect your customer off of your page, you must "
        "provide a `return_url`. If you don't want to accept redirect-based payment methods, set "
        "`automatic_payment_methods[enabled]` to `true` and "
        "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and "
        "Payment Intents.",
        **shown,
    )


def ask_holder(session: Session, intent: Json, params: Json) -> None:
    """Set the intent to wait for its holder's authentication."""
    url = f"{session.origin}/v3/challenge.html?client_secret={intent['client_secret']}"
    return_url = params.get("return_url")
    if return_url and not session.publishable and not params.get("use_stripe_sdk"):
        intent["next_action"] = {
            "type": "redirect_to_url",
            "redirect_to_url": {"return_url": return_url, "url": f"{url}&redirect=true"},
        }
    else:
        intent["next_action"] = {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": url},
        }
    intent["_return_url"] = return_url
    intent["status"] = "requires_action"
    session.save(intent)
    session.emit(f"{intent['object']}.requires_action", intent)


def cancel(session: Session, intent: Json, params: Json) -> Json:
    """Cancel an intent that has not finished."""
    name = NAMES[intent["object"]]
    if intent["status"] in ("succeeded", "canceled", "processing"):
        raise unexpected(
            intent,
            f"You cannot cancel this {name} because it has a status of {intent['status']}. Only a "
            f"{name} with one of the following statuses may be canceled: requires_payment_method, "
            "requires_capture, requires_reauthorization, requires_confirmation, requires_action, "
            "processing.",
        )
    intent.update(
        status="canceled",
        next_action=None,
        cancellation_reason=params.get("cancellation_reason"),
    )
    if intent["object"] == "payment_intent":
        intent["canceled_at"] = session.now
    session.save(intent)
    session.emit(f"{intent['object']}.canceled", intent)
    return intent
