"""Cards as payment methods: created, attached to one customer, detached for good."""

import hashlib
from datetime import UTC, datetime

from sandbox.stripe import cards, listing
from sandbox.stripe.cards import Advice, Answer, Behaviour, usual_advice
from sandbox.stripe.errors import Json, StripeError
from sandbox.stripe.parameters import merged, require
from sandbox.stripe.session import Session, identifier

CREATE = {
    *("allow_redisplay", "billing_details", "metadata", "type"),
    *("card[number]", "card[exp_month]", "card[exp_year]", "card[cvc]"),
}
UPDATE = CREATE - {"card[number]", "card[cvc]", "type"}
ATTACH = {"customer"}
LIST = {*listing.PAGE, "customer", "type"}
EMPTY_ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


def create(session: Session, params: Json) -> Json:
    """A card entered in the browser; a server must not see numbers, so a secret key is refused."""
    require(params, "type", "card")
    require(params["card"], "number", "exp_month", "exp_year", within="card")
    if not session.publishable:
        raise StripeError(
            "Sending credit card numbers directly to the Stripe API is generally unsafe. We "
            "suggest you use test tokens that map to the test card you are using, see "
            "https://stripe.com/docs/testing.",
            status=402,
        )
    card = cards.check_card(params["card"], now=session.now)
    return _keep(session, card, params)


def from_token(session: Session, token: str) -> Json:
    """The payment method behind `pm_card_visa` and its like: a new one each time."""
    year = datetime.fromtimestamp(session.now, UTC).year + 4
    number = cards.TOKENS[token]
    return _keep(session, {"number": number, "exp_month": 8, "exp_year": year, "cvc": "123"}, {})


def _keep(session: Session, card: Json, given: Json) -> Json:
    blank = {"address": None, "email": None, "name": None, "phone": None, "tax_id": None}
    details = {**blank, **_billing_details({"address": None, **given.get("billing_details", {})})}
    return session.save(
        {
            "id": identifier("pm"),
            "object": "payment_method",
            "allow_redisplay": given.get("allow_redisplay", "unspecified"),
            "billing_details": details,
            "card": _card(card),
            "created": session.now,
            "customer": None,
            "customer_account": None,
            "livemode": False,
            "metadata": merged(None, given.get("metadata", {})),
            "type": "card",
            "_number": card["number"],
            "_spent": False,
            "_set_up": False,
        }
    )


def _billing_details(given: Json) -> Json:
    if "address" not in given:
        return given
    return {**given, "address": {**EMPTY_ADDRESS, **(given["address"] or {})}}


def _card(card: Json) -> Json:
    number = card["number"]
    name = cards.brand(number)
    checked = "fail" if number == "4000000000000127" else "pass"
    return {
        "brand": name,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": checked if card["cvc"] else None,
        },
        "country": "US",
        "display_brand": name,
        "exp_month": card["exp_month"],
        "exp_year": card["exp_year"],
        "fingerprint": hashlib.sha256(number.encode()).hexdigest()[:16],
        "funding": "debit" if number in cards.DEBIT else "credit",
        "generated_from": None,
        "last4": number[-4:],
        "networks": {"available": [name], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def find(session: Session, reference: str, *, param: str | None = "payment_method") -> Json:
    """A payment method by id or test token."""
    if reference in cards.TOKENS:
        return from_token(session, reference)
    return session.fetch("payment_method", reference, param=param)


def usable(session: Session, reference: str, *, customer: str | None) -> Json:
    """The payment method, if this customer may use it.

    Refuses another customer's, an attached one without its customer, and a detached or spent one.
    """
    method = find(session, reference)
    owner = method["customer"]
    if owner is not None and customer is None:
        raise StripeError(
            "The payment method you provided is attached to a customer so for security purposes "
            "you must provide the customer in the request.",
            param="payment_method",
        )
    if owner is not None and owner != customer:
        raise StripeError(
            f"The customer does not have a payment method with the ID {method['id']}. The payment "
            "method must be attached to the customer.",
            code="resource_missing",
            param="payment_method",
        )
    refuse_spent(method)
    return method


def refuse_spent(method: Json) -> None:
    """A detached card never comes back, nor one charged once without a customer."""
    if method["_spent"]:
        raise StripeError(
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer "
            "attachment, shared with a connected account without Customer attachment, or was "
            "detached from a Customer. It may not be used again. To use a PaymentMethod multiple "
            "times, you must attach it to a Customer first.",
            param="payment_method",
        )


def behaviour(session: Session, method: Json) -> Behaviour:
    """The answers of the card's bank, by the control API, its expiry or its number."""
    set_answer = method.get("_set_answer")
    if set_answer is not None:
        answer = Answer(set_answer)
        if answer is Answer.AUTHENTICATE:
            return Behaviour(answer, answer, answer)
        return Behaviour(answer, answer, answer, once_authenticated=answer)
    card = method["card"]
    if cards.has_expired(card["exp_month"], card["exp_year"], now=session.now):
        expired = Answer.EXPIRED_CARD
        return Behaviour(expired, expired, expired, once_authenticated=expired)
    return cards.BEHAVIOURS.get(method["_number"], cards.FINE)


def advice(method: Json, answer: Answer) -> Advice:
    """The advice after a decline: the control API's, or the usual one."""
    set_advice = method.get("_set_advice")
    return Advice(**set_advice) if set_advice else usual_advice(answer)


def join(session: Session, method: Json, customer: str) -> Json:
    """Attach without asking the bank: for an intent that has just succeeded."""
    if method["customer"] == customer:
        return method
    method["customer"] = customer
    session.save(method)
    session.emit("payment_method.attached", method)
    return method


def attach(session: Session, params: Json, reference: str) -> Json:
    """Attach a card after its bank has approved it, as Stripe does."""
    require(params, "customer")
    method = find(session, reference, param=None)
    session.customer(params["customer"], param="customer")
    refuse_spent(method)
    if method["customer"] not in (None, params["customer"]):
        raise StripeError(
            "The payment method you provided has already been attached to a customer.",
            param="payment_method",
        )
    answer = behaviour(session, method).setup
    if answer in cards.DECLINES:
        refusal = cards.card_error(answer)
        refusal.keeps_work = False
        raise refusal
    return join(session, method, params["customer"])


def detach(session: Session, params: Json, reference: str) -> Json:  # noqa: ARG001
    """Detach a card from its customer; it can never be used again."""
    method = session.fetch("payment_method", reference)
    customer = method["customer"]
    if customer is None:
        raise StripeError(
            "The payment method you provided is not attached to a customer so detachment is "
            "impossible.",
            param="payment_method",
        )
    owner = session.fetch("customer", customer)
    if owner["invoice_settings"]["default_payment_method"] == method["id"]:
        owner["invoice_settings"]["default_payment_method"] = None
        session.save(owner)
        previous = {"invoice_settings": {"default_payment_method": method["id"]}}
        session.emit("customer.updated", owner, previous=previous)
    method.update(customer=None, _spent=True)
    session.save(method)
    session.emit("payment_method.detached", method, previous={"customer": customer})
    return method


def update(session: Session, params: Json, reference: str) -> Json:
    """Change billing details, expiry or metadata."""
    method = session.fetch("payment_method", reference)
    if method["customer"] is None:
        raise StripeError(
            "You must save this PaymentMethod to a customer before you can update it."
        )
    before = {
        name: dict(method[name])
        for name in ("metadata", "card", "billing_details")
        if params.get(name)
    }
    if "metadata" in params:
        method["metadata"] = merged(method["metadata"], params["metadata"])
    if params.get("card"):
        method["card"].update(params["card"])
        if not 1 <= method["card"]["exp_month"] <= 12:
            raise StripeError(
                "Your card's expiration month is invalid.",
                status=402,
                kind="card_error",
                code="invalid_expiry_month",
                param="exp_month",
            )
    if params.get("billing_details"):
        method["billing_details"].update(_billing_details(params["billing_details"]))
    session.save(method)
    session.emit("payment_method.updated", method, previous=before)
    return method


def renew(session: Session, reference: str, changes: Json) -> Json:
    """The card's network gives a card a new number or expiry, without its holder."""
    method = session.fetch("payment_method", reference)
    unknown = changes.keys() - {"brand", "last4", "exp_month", "exp_year"}
    if unknown:
        raise StripeError(f"A network does not change {', '.join(sorted(unknown))}.")
    before = {name: method["card"][name] for name in changes}
    method["card"].update(changes)
    session.save(method)
    session.emit("payment_method.automatically_updated", method, previous={"card": before})
    return method


def retrieve(session: Session, params: Json, reference: str) -> Json:  # noqa: ARG001
    """One payment method."""
    return session.fetch("payment_method", reference)


def listed(session: Session, params: Json) -> Json:
    """A customer's cards, newest first."""
    if "customer" in params:
        session.customer(params["customer"], param="customer")
        return listing.page(session, "payment_method", params, url="/v1/payment_methods")
    return listing.empty(url="/v1/payment_methods")
