"""Requests to Stripe: each with a timeout, each write with an idempotency key.

The SDK does not retry: only the caller knows which request is safe to repeat
(docs/facts/stripe.md).
"""

import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import stripe
from django.conf import settings

from billing.gateway.objects import (
    CardFacts,
    PaymentFacts,
    SetupFacts,
    card_facts,
    payment_facts,
    setup_facts,
)
from core import circuit_breakers as breakers
from core.circuit_breakers import Service, ServiceAway, guarded_call

if TYPE_CHECKING:
    from stripe.params import PaymentIntentCreateParams, PaymentIntentListParams

# Seconds to connect and to wait for an answer; together well below the lease of the outbox. A web
# server has few threads, and a person who waits repeats the request.
TIMEOUT = (5.0, 10.0 if settings.PROCESS == "web" else 40.0)
# Stripe's code for an object that does not exist, or not any more.
MISSING = "resource_missing"
_LONGEST_SUFFIX = 22


class GatewayError(Exception):
    """Stripe did not carry out the request."""


class NotDone(GatewayError):
    """Nothing happened; the same request may be repeated later (429)."""


class NotCalled(NotDone, ServiceAway):
    """Stripe did not answer the last calls and is not called for now; nothing was sent."""


class Misconfigured(GatewayError):
    """Stripe rejects our API key; every request fails until operations fix it."""


class OutcomeUnknown(GatewayError):
    """The request may have been carried out: no answer, or an unclear one."""


class NoAnswer(OutcomeUnknown):
    """No answer within the time limit, or no connection; a look-up now would only wait again."""


class Refused(GatewayError):
    """Stripe refused the request: nothing happened, and repeating it would not help."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


def client() -> stripe.StripeClient:
    """The client of this process; a forked worker opens its own connections."""
    return _client(settings.STRIPE_API_KEY, settings.STRIPE_API_BASE, os.getpid())


@lru_cache(maxsize=4)
def _client(api_key: str, base: str, _process: int) -> stripe.StripeClient:
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": base},
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=TIMEOUT),
    )


def create_customer(*, provider_id: str, instead_of: str = "") -> str:
    """Create the provider's customer and return its id; safe to repeat and to run concurrently.

    `instead_of` is a customer that was deleted: its key would return it again.
    """
    key = f"customer-{provider_id}{'-' if instead_of else ''}{instead_of}"
    customer = call(
        client().v1.customers.create,
        {"metadata": {"provider": provider_id}},
        {"idempotency_key": key},
    )
    return str(customer["id"])


def is_customer_deleted(*, customer_id: str) -> bool:
    """Whether the customer was deleted. Raises `Refused` (resource_missing) for an unknown one."""
    return bool(call(client().v1.customers.retrieve, customer_id).get("deleted"))


def set_default_card(*, customer_id: str, payment_method_id: str) -> None:
    """Make the card the customer's default at Stripe."""
    call(
        client().v1.customers.update,
        customer_id,
        {"invoice_settings": {"default_payment_method": payment_method_id}},
        {"idempotency_key": _fresh_key()},
    )


def set_contact(*, customer_id: str, name: str, email: str) -> None:
    """Update the customer's name and e-mail address at Stripe, which refuses a bad address."""
    call(
        client().v1.customers.update,
        customer_id,
        {"name": name, "email": email},
        {"idempotency_key": _fresh_key()},
    )


def create_setup_intent(
    *,
    customer_id: str,
    provider_id: str,
    actor_id: int | None,
    actor_name: str,
    invoice_ids: Sequence[int] = (),
) -> str:
    """Create a SetupIntent and return its client secret, for the card form in the browser.

    `invoice_ids` come back with it: the invoices that a person chose to pay with the card.
    """
    intent = call(
        client().v1.setup_intents.create,
        {
            "customer": customer_id,
            "usage": "off_session",
            "allowed_payment_method_types": ["card"],
            "metadata": {
                "provider": provider_id,
                "actor_id": str(actor_id or ""),
                "actor_name": actor_name[:500],
                "invoices": ",".join(map(str, invoice_ids)),
            },
        },
        {"idempotency_key": _fresh_key()},
    )
    return str(intent["client_secret"])


def setup_intent(*, setup_intent_id: str) -> SetupFacts:
    """The state of a SetupIntent. Raises `Refused` (resource_missing) for an unknown one."""
    return setup_facts(
        call(client().v1.setup_intents.retrieve, setup_intent_id, {"expand": ["payment_method"]})
    )


def card(*, payment_method_id: str) -> CardFacts:
    """The current state of a card; `customer_id` is empty if it is detached."""
    return card_facts(call(client().v1.payment_methods.retrieve, payment_method_id))


def detach_card(*, payment_method_id: str) -> None:
    """Detach a replaced card from its customer, if it is attached."""
    try:
        call(
            client().v1.payment_methods.detach,
            payment_method_id,
            {},
            {"idempotency_key": _fresh_key()},
        )
    except Refused:
        if card(payment_method_id=payment_method_id).customer_id:
            raise


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """The parameters of a charge; a repeated request must send the same ones with its key.

    Without a payment method, the payment is confirmed in a browser, with a card entered there.
    """

    attempt_key: str
    amount_minor: int
    currency: str
    customer_id: str
    payment_method_id: str
    provider_id: str
    invoice_number: str
    # What the payment was for, if a restore loses the invoice: its month (ISO) and kind.
    invoice_month: str
    invoice_kind: str

    def parameters(self) -> "PaymentIntentCreateParams":
        """The parameters of the PaymentIntent."""
        parameters: PaymentIntentCreateParams = {
            "amount": self.amount_minor,
            "currency": self.currency.lower(),
            "customer": self.customer_id,
            "allowed_payment_method_types": ["card"],
            "description": f"Invoice {self.invoice_number}",
            "statement_descriptor_suffix": statement_suffix(self.invoice_number),
            "metadata": {
                "provider": self.provider_id,
                "invoice": self.invoice_number,
                "month": self.invoice_month,
                "kind": self.invoice_kind,
                "attempt": self.attempt_key,
            },
        }
        if self.payment_method_id:
            parameters |= {
                "payment_method": self.payment_method_id,
                "confirm": True,
                "off_session": True,
            }
        return parameters


def statement_suffix(invoice_number: str) -> str:
    """The invoice number as card statements show it, behind the name of our Stripe account.

    Stripe takes at most 22 characters, a letter among them, and none of its reserved ones.
    """
    plain = "".join(char for char in invoice_number if char.isascii() and char not in "<>\\'\"*")
    text = plain[-_LONGEST_SUFFIX:]
    return text if any(map(str.isalpha, text)) else f"INV {text}"[-_LONGEST_SUFFIX:]


def charge(request: ChargeRequest) -> PaymentFacts:
    """Charge the card off-session, once per attempt key. A decline is an outcome, not an error.

    Raises `NotDone`, `Misconfigured`, `OutcomeUnknown` or `Refused`.
    """
    try:
        return payment_facts(
            call(
                client().v1.payment_intents.create,
                request.parameters(),
                {"idempotency_key": request.attempt_key},
            )
        )
    except stripe.CardError as error:
        intent = error.error.payment_intent if error.error else None
        if intent is None:
            raise Refused(str(error.user_message or error), code=error.code or "") from error
        return payment_facts(intent.to_dict())


def payment(*, payment_intent_id: str) -> PaymentFacts:
    """The state of a PaymentIntent and of its charge.

    Raises `Refused` (resource_missing) for an unknown one.
    """
    return payment_facts(
        call(client().v1.payment_intents.retrieve, payment_intent_id, {"expand": ["latest_charge"]})
    )


def payment_secret(*, payment_intent_id: str) -> str:
    """The client secret that a browser needs to confirm the payment; it is never stored."""
    return str(call(client().v1.payment_intents.retrieve, payment_intent_id)["client_secret"])


def cancel_payment(*, payment_intent_id: str) -> PaymentFacts:
    """Cancel a PaymentIntent so that it can't be confirmed any more; returns its new state.

    One that succeeded or is being processed can't be cancelled; its state is returned unchanged.
    """
    try:
        return payment_facts(
            call(
                client().v1.payment_intents.cancel,
                payment_intent_id,
                {"cancellation_reason": "abandoned"},
                {"idempotency_key": _fresh_key()},
            )
        )
    except Refused:
        return payment(payment_intent_id=payment_intent_id)


def payments_of(*, customer_id: str, since: datetime) -> Iterator[PaymentFacts]:
    """The customer's PaymentIntents created at or after `since`, newest first."""
    return _payments(
        {"customer": customer_id, "limit": 100, "created": {"gte": int(since.timestamp())}}
    )


def payments_since(*, customer_id: str, since: datetime) -> Iterator[PaymentFacts]:
    """The customer's PaymentIntents created at or after `since`, with their charges."""
    return _payments(
        {
            "customer": customer_id,
            "limit": 100,
            "created": {"gte": int(since.timestamp())},
            "expand": ["data.latest_charge"],
        }
    )


def _payments(parameters: "PaymentIntentListParams") -> Iterator[PaymentFacts]:
    return map(payment_facts, pages(client().v1.payment_intents.list, parameters))


def pages(method: Any, parameters: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The objects of a list at Stripe, read page by page; raises as `call` does."""
    while True:
        page = call(method, parameters)
        yield from page["data"]
        if not page["has_more"]:
            return
        parameters = {**parameters, "starting_after": page["data"][-1]["id"]}


def _fresh_key() -> str:
    # For writes that are safe to repeat: with a fixed key, Stripe would return the saved answer and
    # ignore a later change.
    return uuid.uuid4().hex


def require_answering() -> None:
    """Raise `NotCalled` while Stripe is not called; before a row says that a request was sent."""
    try:
        breakers.require_answering(Service.STRIPE)
    except ServiceAway as away:
        raise NotCalled(away.service, away.wait) from away


def _is_silence(error: Exception) -> bool:
    return isinstance(error, stripe.APIConnectionError)


def call(method: Any, *arguments: Any) -> dict[str, Any]:
    """Call a method of Stripe's client and return its answer as plain data.

    Raises `NotDone`, `Misconfigured`, `OutcomeUnknown` or `Refused`, and lets `stripe.CardError`
    pass, which carries an outcome.
    """
    try:
        with guarded_call(Service.STRIPE, is_silence=_is_silence):
            answer: dict[str, Any] = method(*arguments).to_dict()
    except ServiceAway as away:
        raise NotCalled(away.service, away.wait) from away
    except stripe.APIConnectionError as error:
        raise NoAnswer(f"{type(error).__name__}: {error}") from error
    except stripe.CardError:
        raise
    except stripe.RateLimitError as error:
        raise NotDone(str(error)) from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise Misconfigured(str(error)) from error
    except stripe.InvalidRequestError as error:
        raise Refused(str(error.user_message or error), code=error.code or "") from error
    except stripe.StripeError as error:
        # Also an idempotency error: Stripe knows the key with other parameters.
        raise OutcomeUnknown(f"{type(error).__name__}: {error}") from error
    return answer
