"""Requests to Stripe, checked against the SDK's types, and the reading of its answers."""

import inspect
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
import stripe
import stripe.params as described
from pydantic import ConfigDict, TypeAdapter, ValidationError

from billing.gateway import client as gateway
from billing.gateway import disputes as stripe_disputes
from billing.gateway import refunds as stripe_refunds
from billing.gateway.objects import PaymentOutcome, payment_facts

ATTEMPT = {
    "amount_minor": 33_000,
    "currency": "USD",
    "customer_id": "cus_1",
    "payment_method_id": "pm_1",
    "provider_id": "11111111-2222-3333-4444-555555555555",
    "invoice_number": "NORTH-000001",
    "invoice_month": "2026-10-01",
    "invoice_kind": "usage",
    "attempt_key": "charge-1",
}
# Each function that sends parameters, example arguments, and the SDK's type of its parameters.
REQUESTS: dict[str, tuple[dict[str, Any], type]] = {
    "create_customer": ({"provider_id": "p"}, described.CustomerCreateParams),
    "set_default_card": (
        {"customer_id": "cus_1", "payment_method_id": "pm_1"},
        described.CustomerUpdateParams,
    ),
    "set_contact": (
        {"customer_id": "cus_1", "name": "N", "email": "e@x.example"},
        described.CustomerUpdateParams,
    ),
    "create_setup_intent": (
        {"customer_id": "cus_1", "provider_id": "p", "actor_id": 7, "actor_name": "Bill"},
        described.SetupIntentCreateParams,
    ),
    "setup_intent": ({"setup_intent_id": "seti_1"}, described.SetupIntentRetrieveParams),
    "detach_card": ({"payment_method_id": "pm_1"}, described.PaymentMethodDetachParams),
    "charge": (
        {"request": gateway.ChargeRequest(**ATTEMPT)},
        described.PaymentIntentCreateParams,
    ),
    "cancel_payment": ({"payment_intent_id": "pi_1"}, described.PaymentIntentCancelParams),
    "payments_since": (
        {"customer_id": "cus_1", "since": datetime(2026, 11, 1, tzinfo=UTC)},
        described.PaymentIntentListParams,
    ),
    "payments_of": (
        {"customer_id": "cus_1", "since": datetime(2026, 11, 1, tzinfo=UTC)},
        described.PaymentIntentListParams,
    ),
    "payment": ({"payment_intent_id": "pi_1"}, described.PaymentIntentRetrieveParams),
}
# The SDK imports these for type checkers only.
NAMED_BY_THE_SDK = {"StripeContext": stripe.StripeContext, "Mapping": Mapping}
WITHOUT_PARAMETERS = {
    "call",
    "client",
    "card",
    "is_customer_deleted",
    "pages",
    "payment_secret",
    "require_answering",
    "statement_suffix",
}


def check_strictly(shape: type, parameters: Any) -> None:
    """Fail on parameters that are unknown to the SDK's type, missing, or of another type."""
    shape.__pydantic_config__ = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    adapter = TypeAdapter(shape)
    adapter.rebuild(_types_namespace=NAMED_BY_THE_SDK)
    adapter.validate_python(parameters, strict=True)


class Sent(Exception):
    """Raised instead of sending."""


@pytest.fixture
def sent(monkeypatch):
    sent_arguments: list[Any] = []

    def record(_method, *arguments):
        sent_arguments.extend(arguments)
        raise Sent

    monkeypatch.setattr(gateway, "call", record)
    return sent_arguments


@pytest.mark.parametrize("name", REQUESTS)
def test_stripe_knows_every_parameter_we_send(name, sent):
    arguments, shape = REQUESTS[name]

    with pytest.raises(Sent):
        list(getattr(gateway, name)(**arguments) or ())

    options = [value for value in sent if isinstance(value, dict) and "idempotency_key" in value]
    (parameters,) = [
        value for value in sent if isinstance(value, dict) and "idempotency_key" not in value
    ]
    check_strictly(shape, parameters)
    is_read = name in ("setup_intent", "payments_of", "payments_since", "payment")
    assert len(options) == (0 if is_read else 1), "every write has an idempotency key"


@pytest.mark.parametrize(
    ("number", "suffix"),
    [
        ("DEMO-000019", "DEMO-000019"),
        ("A<B>*'-000019", "AB-000019"),
        ("000019", "INV 000019"),
        ("LONGEST-POSSIBLE-PREFIX-000019", "OSSIBLE-PREFIX-000019"),
        ("ÄÖ-000019", "INV -000019"),
    ],
)
def test_the_card_statement_names_the_invoice(number, suffix):
    assert gateway.statement_suffix(number)[-21:] == suffix
    assert len(gateway.statement_suffix(number)) <= 22
    parameters = gateway.ChargeRequest(**{**ATTEMPT, "invoice_number": number}).parameters()
    assert parameters["statement_descriptor_suffix"] == gateway.statement_suffix(number)


def test_stripe_knows_the_parameters_of_a_payment_on_session():
    parameters = gateway.ChargeRequest(**{**ATTEMPT, "payment_method_id": ""}).parameters()

    check_strictly(described.PaymentIntentCreateParams, parameters)
    assert not {"confirm", "off_session", "payment_method"} & set(parameters)


SINCE = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("request_list", "shape"),
    [
        (partial(stripe_refunds.refunds_of, payment_intent_id="pi_1"), described.RefundListParams),
        (partial(stripe_refunds.refunds_since, since=SINCE), described.RefundListParams),
        (
            partial(stripe_disputes.disputes_of, payment_intent_id="pi_1"),
            described.DisputeListParams,
        ),
        (partial(stripe_disputes.disputes_since, since=SINCE), described.DisputeListParams),
    ],
)
def test_stripe_knows_the_parameters_of_refund_and_dispute_lists(request_list, shape, sent):
    with pytest.raises(Sent):
        list(request_list())

    (parameters,) = [value for value in sent if isinstance(value, dict)]
    check_strictly(shape, parameters)


def test_every_request_function_is_checked():
    functions = {
        name
        for name, thing in vars(gateway).items()
        if inspect.isfunction(thing)
        and thing.__module__ == gateway.__name__
        and not name.startswith("_")
    }

    assert functions == set(REQUESTS) | WITHOUT_PARAMETERS


def test_the_check_refuses_a_wrong_parameter():
    good = gateway.ChargeRequest(**ATTEMPT).parameters()
    for bad in ({"payment_method_types": ["card"]}, {"amount": "33000"}):
        with pytest.raises(ValidationError):
            check_strictly(described.PaymentIntentCreateParams, {**good, **bad})


def test_the_sdk_does_not_retry_and_its_timeouts_are_shorter_than_the_lease(settings):
    client = gateway.client()

    assert client._requestor._options.max_network_retries == 0  # noqa: SLF001 - no public reader
    assert client._requestor._client._timeout == gateway.TIMEOUT  # noqa: SLF001 - as above
    # A delivery makes at most three calls under one lease.
    assert 3 * sum(gateway.TIMEOUT) < settings.OUTBOX_LEASE_SECONDS


@pytest.mark.parametrize(
    ("intent", "outcome"),
    [
        ({"status": "succeeded"}, PaymentOutcome.SUCCEEDED),
        ({"status": "processing"}, PaymentOutcome.PROCESSING),
        ({"status": "requires_action"}, PaymentOutcome.NEEDS_CONFIRMATION),
        (
            {
                "status": "requires_payment_method",
                "last_payment_error": {"code": "authentication_required"},
            },
            PaymentOutcome.NEEDS_CONFIRMATION,
        ),
        (
            {
                "status": "requires_payment_method",
                "last_payment_error": {"code": "card_declined", "decline_code": "lost_card"},
            },
            PaymentOutcome.FAILED,
        ),
        ({"status": "canceled"}, PaymentOutcome.FAILED),
    ],
)
def test_the_status_of_a_payment_gives_its_outcome(intent, outcome):
    facts = payment_facts({"id": "pi_1", "amount": 100, "currency": "usd", **intent})

    assert facts.outcome is outcome


def test_an_expanded_payment_is_read():
    facts = payment_facts(
        {
            "id": "pi_1",
            "amount": 1099,
            "currency": "usd",
            "customer": {"id": "cus_1", "object": "customer"},
            "status": "succeeded",
            "metadata": {"provider": "p", "attempt": "charge-1"},
            "last_payment_error": None,
        }
    )

    assert (facts.customer_id, facts.currency, facts.attempt_key) == ("cus_1", "USD", "charge-1")
