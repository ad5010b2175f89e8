"""The stand-in refuses the parameters that Stripe refuses, with Stripe's codes and words."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import stripe

from sandbox.stripe import parameters, routes
from tests.sandbox_fixtures import StripeStandIn

CHARGE = {"amount": 500, "currency": "usd"}
EMPTY = (
    "You passed an empty string for 'customer'. We assume empty values are an attempt to unset a "
    "parameter; however 'customer' cannot be unset. You should remove 'customer' from your request "
    "or supply a non-empty value."
)


def refusal(call: Callable[..., object], *arguments: Any) -> tuple[str | None, str | None, str]:
    """Code, parameter and words with which Stripe answers 400."""
    with pytest.raises(stripe.InvalidRequestError) as refused:
        call(*arguments)
    assert refused.value.http_status == 400
    assert str(refused.value.request_id).startswith("req_")
    return refused.value.code, refused.value.param, str(refused.value.user_message)


def nested(hint: Any) -> dict[str, Any]:
    """The parameters inside of a parameter of this type."""
    return {
        name: kind
        for member in (hint, *getattr(hint, "__args__", ()))
        if hasattr(member, "__required_keys__")
        for name, kind in parameters.fields(member).items()
    }


@pytest.mark.parametrize("route", routes.ROUTES, ids=lambda it: f"{it.method} {it.pattern}")
def test_every_parameter_with_an_effect_is_one_of_the_sdk(route: routes.Route) -> None:
    for name in route.imitated:
        known = dict(parameters.fields(*route.kinds(publishable=route.browser)))
        for step in name.replace("]", "").split("["):
            assert step in known, name
            known = nested(known[step])


@pytest.mark.parametrize(
    ("changes", "param", "words"),
    [
        ({"colour": "red"}, "colour", "Received unknown parameter: colour"),
        ({"colour": "red", "size": 4}, "colour", "Received unknown parameters: colour, size"),
        (
            {"payment_method_types": ["card"]},
            "payment_method_types",
            "Received unknown parameter: payment_method_types",
        ),
        (
            {"automatic_payment_methods": {"enabled": True, "on": True}},
            "automatic_payment_methods[on]",
            "Received unknown parameter: automatic_payment_methods[on]",
        ),
        (
            {"payment_method_options": {"card": {"moto_": True}}},
            "payment_method_options[card][moto_]",
            "Received unknown parameter: payment_method_options[card][moto_]",
        ),
        (
            {"amount_details": {"line_items": [{"price": 4}]}},
            "amount_details[line_items][0][price]",
            "Received unknown parameter: amount_details[line_items][0][price]",
        ),
    ],
)
def test_unknown_parameters_are_refused_by_name(
    stripe_account: StripeStandIn, changes: dict[str, object], param: str, words: str
) -> None:
    create = stripe_account.client().v1.payment_intents.create
    assert refusal(create, {**CHARGE, **changes}) == ("parameter_unknown", param, words)


def test_every_kind_of_request_refuses_unknown_parameters(stripe_account: StripeStandIn) -> None:
    client = stripe_account.client()
    for route in routes.ROUTES:
        path = route.pattern.replace("*", "none")
        call = partial(client.raw_request, route.method.lower(), path, colour="red")
        assert refusal(call)[:2] == ("parameter_unknown", "colour"), route


@pytest.mark.parametrize(
    ("params", "code", "param", "words"),
    [
        (
            {"currency": "usd"},
            "parameter_missing",
            "amount",
            "Missing required param: amount.",
        ),
        (
            {"amount": 500},
            "parameter_missing",
            "currency",
            "Missing required param: currency.",
        ),
        (
            {**CHARGE, "shipping": {"name": "Ada"}},
            "parameter_missing",
            "shipping[address]",
            "Missing required param: shipping[address].",
        ),
        (
            {**CHARGE, "amount": "12.5"},
            "parameter_invalid_integer",
            "amount",
            "Invalid integer: 12.5",
        ),
        (
            {**CHARGE, "amount": 0},
            "parameter_invalid_integer",
            "amount",
            "This value must be greater than or equal to 1.",
        ),
        ({**CHARGE, "confirm": "maybe"}, None, "confirm", "Invalid boolean: maybe"),
        ({**CHARGE, "description": {"a": "b"}}, None, "description", "Invalid string: {'a': 'b'}"),
        ({**CHARGE, "shipping": "here"}, None, "shipping", "Invalid object"),
        ({**CHARGE, "metadata": "text"}, None, "metadata", "Invalid object"),
        ({**CHARGE, "metadata": {"a": {"b": "c"}}}, None, "metadata", "Invalid hash"),
        ({**CHARGE, "expand": "customer"}, None, "expand", "Invalid array"),
        ({**CHARGE, "expand": {"a": "b"}}, None, "expand", "Invalid array"),
        (
            {**CHARGE, "setup_future_usage": "never"},
            None,
            "setup_future_usage",
            "Invalid setup_future_usage: must be one of off_session or on_session",
        ),
        (
            {**CHARGE, "customer": ""},
            "parameter_invalid_empty",
            "customer",
            EMPTY,
        ),
        (
            {**CHARGE, "customer": "cus_no"},
            "resource_missing",
            "customer",
            "No such customer: 'cus_no'",
        ),
        (
            {**CHARGE, "receipt_email": "address"},
            "email_invalid",
            "receipt_email",
            "Invalid email address: address",
        ),
    ],
)
def test_missing_and_mistyped_parameters_are_refused(
    stripe_account: StripeStandIn,
    params: dict[str, object],
    code: str | None,
    param: str,
    words: str,
) -> None:
    create = stripe_account.client().v1.payment_intents.create
    assert refusal(create, params) == (code, param, words)


def test_what_the_stand_in_does_not_imitate_is_refused(stripe_account: StripeStandIn) -> None:
    create = stripe_account.client().v1.payment_intents.create
    for changes, name in (
        ({"transfer_group": "a"}, "transfer_group"),
        ({"capture_method": "manual"}, "capture_method=manual"),
        (
            {"payment_method_options": {"card": {"request_multicapture": "never"}}},
            "payment_method_options[card][request_multicapture]",
        ),
    ):
        _, _, words = refusal(create, {**CHARGE, **changes})
        assert words == f"The stand-in does not imitate this parameter: {name}"


@pytest.mark.parametrize(
    ("currency", "smallest", "too_small", "too_large"),
    [
        ("usd", 50, "Amount must be at least $0.50 usd", "Amount must be no more than $999,999.99"),
        ("eur", 50, "Amount must be at least €0.50 eur", "Amount must be no more than €999,999.99"),
        ("gbp", 30, "Amount must be at least £0.30 gbp", "Amount must be no more than £999,999.99"),
        ("jpy", 50, "Amount must be at least ¥50 jpy", "Amount must be no more than ¥99,999,999"),
        (
            "sek",
            300,
            "Amount must be at least SEK 3.00 sek",
            "Amount must be no more than SEK 999,999.99",
        ),
    ],
)
def test_amounts_have_the_bounds_of_their_currency(
    stripe_account: StripeStandIn, currency: str, smallest: int, too_small: str, too_large: str
) -> None:
    intents = stripe_account.client().v1.payment_intents
    bounds = (("amount_too_small", smallest - 1, too_small), ("amount_too_large", 10**8, too_large))
    made = [
        intents.create({"amount": amount, "currency": currency}).id
        for amount in (smallest, 10**8 - 1)
    ]
    for code, amount, words in bounds:
        params = {"amount": amount, "currency": currency}
        assert refusal(intents.create, params) == (code, "amount", words)
        assert refusal(intents.update, made[0], {"amount": amount}) == (code, "amount", words)


def test_a_deleted_customer_can_be_retrieved_and_nothing_else(
    stripe_account: StripeStandIn,
) -> None:
    client = stripe_account.client().v1
    gone, card = stripe_account.customer_with()
    client.customers.delete(gone)
    words = f"No such customer: '{gone}'"
    fresh = stripe_account.card().id
    payment = client.payment_intents.create(CHARGE).id
    setup = client.setup_intents.create({}).id
    for call, *arguments in (
        (client.payment_intents.create, {**CHARGE, "customer": gone}),
        (client.payment_intents.update, payment, {"customer": gone}),
        (client.setup_intents.create, {"customer": gone}),
        (client.setup_intents.update, setup, {"customer": gone}),
        (client.payment_methods.attach, fresh, {"customer": gone}),
        (client.payment_methods.list, {"customer": gone}),
    ):
        assert refusal(call, *arguments) == ("resource_missing", "customer", words)
    for call, *arguments in (
        (client.customers.update, gone, {"name": "Back"}),
        (client.customers.delete, gone),
        (client.customers.payment_methods.list, gone),
    ):
        with pytest.raises(stripe.InvalidRequestError, match=words) as refused:
            call(*arguments)
        assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    assert client.payment_methods.retrieve(card).customer is None
    assert client.customers.retrieve(gone).to_dict() == {
        "id": gone,
        "object": "customer",
        "deleted": True,
    }


def test_a_detached_card_is_refused_wherever_it_is_named(stripe_account: StripeStandIn) -> None:
    client = stripe_account.client().v1
    customer, card = stripe_account.customer_with()
    client.payment_methods.detach(card)
    payment = client.payment_intents.create({**CHARGE, "customer": customer}).id
    setup = client.setup_intents.create({"customer": customer}).id
    whole = {**CHARGE, "customer": customer, "payment_method": card}
    for call, *arguments in (
        (client.payment_intents.create, whole),
        (client.payment_intents.create, {**whole, "confirm": True, "off_session": True}),
        (client.payment_intents.update, payment, {"payment_method": card}),
        (client.payment_intents.confirm, payment, {"payment_method": card, "off_session": True}),
        (client.setup_intents.create, {"customer": customer, "payment_method": card}),
        (client.setup_intents.update, setup, {"payment_method": card}),
        (client.payment_methods.attach, card, {"customer": customer}),
    ):
        code, param, words = refusal(call, *arguments)
        assert (code, param) == (None, "payment_method")
        assert "was detached from a Customer. It may not be used again." in words
    default = {"invoice_settings": {"default_payment_method": card}}
    code, param, _ = refusal(client.customers.update, customer, default)
    assert (code, param) == ("resource_missing", "invoice_settings[default_payment_method]")
    _, _, words = refusal(client.payment_methods.update, card, {"metadata": {"a": "b"}})
    assert words == "You must save this PaymentMethod to a customer before you can update it."
    assert stripe_account.charges()["succeeded"] == 0


@pytest.mark.parametrize("address", ["address", "a@b", "a b@customer.example", "@customer.example"])
def test_a_bad_email_address_is_refused(stripe_account: StripeStandIn, address: str) -> None:
    customers = stripe_account.client().v1.customers
    made = customers.create({"email": "billing@customer.example"})
    words = f"Invalid email address: {address}"
    for call, *arguments in ((customers.create,), (customers.update, made.id)):
        refused = refusal(call, *arguments, {"email": address})
        assert refused == ("email_invalid", "email", words)
    assert customers.retrieve(made.id).email == "billing@customer.example"


def test_an_empty_text_unsets_what_can_be_unset(stripe_account: StripeStandIn) -> None:
    customers = stripe_account.client().v1.customers
    made = customers.create({"name": "Ada", "metadata": {"a": "b"}, "tax_exempt": "exempt"})
    cleared = customers.update(made.id, {"name": "", "metadata": "", "tax_exempt": ""})
    assert cleared.name is None
    assert cleared.metadata is not None
    assert (cleared.metadata.to_dict(), cleared.tax_exempt) == ({}, "none")
