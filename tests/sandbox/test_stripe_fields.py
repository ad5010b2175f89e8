"""The fields of the stand-in's answers against Stripe's own examples of its objects."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from tests.sandbox_fixtures import ROOT, StripeStandIn

EXAMPLES = ROOT.parent / "shared" / "data" / "stripe-fixtures3.json"
# The examples have each object whole; these fields are answered only when they are expanded.
ONLY_EXPANDED = {"charge.refunds"}
# Names of the caller's choice, and what only Stripe's script reads.
OPEN = {"metadata", "use_stripe_sdk"}

pytestmark = pytest.mark.skipif(
    not EXAMPLES.exists(), reason="Stripe's examples are not part of this repository"
)


@pytest.fixture(scope="module")
def examples() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(EXAMPLES.read_text(encoding="utf-8"))["resources"]
    return found


def objects(stand_in: StripeStandIn) -> Iterator[dict[str, Any]]:
    """Answers of every kind in different states, and every event about them."""
    client = stand_in.client().v1
    customer, card = stand_in.customer_with()
    address = {"city": "Malmö", "country": "SE"}
    yield client.customers.update(customer, {"name": "Ada", "address": address}).to_dict()
    yield client.payment_methods.retrieve(card).to_dict()
    asking, _ = stand_in.customer_with("pm_card_authenticationRequired")
    for number in ("4000002500003155", "4242424242424242"):
        setup = {"customer": asking, "payment_method": stand_in.card(number).id, "confirm": True}
        returned = {"return_url": "http://127.0.0.1/back"}
        yield client.setup_intents.create({**setup, **returned}).to_dict()
    whole = {"amount": 900, "currency": "usd", "confirm": True, "off_session": True}
    paid = client.payment_intents.create({**whole, "customer": customer, "payment_method": card})
    yield paid.to_dict()
    declined = {"customer": customer, "payment_method": "pm_card_chargeCustomerFail"}
    with pytest.raises(stripe.CardError):
        client.payment_intents.create({**whole, **declined})
    refund = client.refunds.create({"payment_intent": paid.id, "amount": 100})
    yield refund.to_dict()
    stand_in.control("POST", "refunds/fail", refund=refund.id)
    yield client.refunds.retrieve(refund.id).to_dict()
    stand_in.control("POST", "fraud_warnings", payment_intent=paid.id)
    yield from (each.to_dict() for each in client.radar.early_fraud_warnings.list().data)
    stand_in.control("POST", "cards/renew", payment_method=card, last4="1881")
    dispute = stand_in.control("POST", "disputes", payment_intent=paid.id)["id"]
    stand_in.control("POST", "disputes/close", dispute=dispute, outcome="lost")
    yield from (charge.to_dict() for charge in client.charges.list().data)
    yield from (dispute.to_dict() for dispute in client.disputes.list().data)
    yield client.customers.delete(customer).to_dict()
    yield from (event.to_dict() for event in client.events.list({"limit": 100}).data)


def whole(value: Any) -> Iterator[dict[str, Any]]:
    """The objects of Stripe's in an answer, itself among them."""
    if isinstance(value, dict):
        if "object" in value and isinstance(value["object"], str):
            yield value
        for inner in value.values():
            yield from whole(inner)


def sdk_type(name: str) -> type:
    """The SDK's type of an object: `radar.early_fraud_warning` is `radar.EarlyFraudWarning`."""
    *package, last = name.split(".")
    found: Any = getattr(stripe, package[0]) if package else stripe
    kind: type = getattr(found, "".join(part.title() for part in last.split("_")))
    return kind


def fields_of(kind: type | None) -> dict[str, type | None]:
    """The fields of one of the SDK's objects, with the types of those that are objects."""
    inner = getattr(kind, "_inner_class_types", {})
    return {name: inner.get(name) for name in getattr(kind, "__annotations__", {})}


def differences(
    path: str, answer: dict[str, Any], example: dict[str, Any], kind: type | None
) -> Iterator[str]:
    """What the answer has that is not Stripe's, lacks of the example, or has in another type."""
    of_sdk = fields_of(kind)
    for name, value in answer.items():
        shown = f"{path}.{name}"
        if name not in example and name not in of_sdk:
            yield f"{shown} is not a field of Stripe's"
        real = example.get(name)
        if isinstance(value, dict):
            if name in OPEN or "object" in value:
                continue
            # An example without members says nothing of them.
            stub = not isinstance(real, dict) or not real or real == {"type": "type"}
            yield from differences(shown, value, {} if stub else real, of_sdk.get(name))
        elif value is not None and real is not None and type(value) is not type(real):
            yield f"{shown} is {type(value).__name__}, not {type(real).__name__}"
    for name in example.keys() - answer.keys():
        if f"{path}.{name}" not in ONLY_EXPANDED:
            yield f"{path}.{name} is missing"


def test_every_object_has_the_fields_of_stripes_example(
    stripe_account: StripeStandIn, examples: dict[str, Any]
) -> None:
    found: set[str] = set()
    seen = set()
    answers = [answer for given in objects(stripe_account) for answer in whole(given)]
    for answer in answers:
        name = f"deleted_{answer['object']}" if answer.get("deleted") else answer["object"]
        seen.add(name)
        example = {**examples[name], "data": {"object": {}}} if name == "event" else examples[name]
        found |= set(differences(name, answer, example, sdk_type(answer["object"])))
    assert sorted(found) == []
    assert seen == {
        "charge",
        "customer",
        "deleted_customer",
        "dispute",
        "event",
        "payment_intent",
        "payment_method",
        "radar.early_fraud_warning",
        "refund",
        "setup_intent",
    }


def test_every_list_has_the_fields_of_stripes_lists(
    stripe_account: StripeStandIn, examples: dict[str, Any]
) -> None:
    client = stripe_account.client().v1
    customer, _ = stripe_account.customer_with()
    example = examples["charge"]["refunds"]
    for page in (
        client.charges.list(),
        client.customers.list(),
        client.customers.payment_methods.list(customer),
        client.disputes.list(),
        client.events.list(),
        client.payment_intents.list(),
        client.payment_methods.list({"customer": customer}),
        client.radar.early_fraud_warnings.list(),
        client.refunds.list(),
        client.setup_intents.list(),
    ):
        assert list(differences("list", page.to_dict(), example, None)) == []
