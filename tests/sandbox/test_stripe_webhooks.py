"""Webhook events: signed, delivered again after a failure, with faults on request."""

import json

import pytest
import stripe

from tests.sandbox_fixtures import Listener, StripeStandIn

SECRET = "whsec_only_for_this_test"


@pytest.fixture
def heard(stripe_account: StripeStandIn, listener: Listener) -> Listener:
    stripe_account.control("POST", "webhook", url=listener.url, secret=SECRET, retry_seconds=0.05)
    return listener


def pay(stand_in: StripeStandIn, *, amount: int = 800) -> stripe.PaymentIntent:
    customer, card = stand_in.customer_with()
    return stand_in.client().v1.payment_intents.create(
        {
            "amount": amount,
            "currency": "usd",
            "customer": customer,
            "payment_method": card,
            "confirm": True,
            "off_session": True,
        }
    )


def test_events_verify_with_the_real_sdk(stripe_account: StripeStandIn, heard: Listener) -> None:
    intent = pay(stripe_account)
    expected = {
        "customer.created",
        "payment_method.attached",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
    }
    # Events arrive in any order.
    heard.wait_for(lambda heard: expected <= set(heard.types()))
    for body, signature in heard.received:
        event = stripe.Webhook.construct_event(body, signature, SECRET)
        assert event.api_version == "2026-10-28.endive"
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(body, signature, "whsec_other")
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(body + b" ", signature, SECRET)
    succeeded = json.loads(heard.received[heard.types().index("payment_intent.succeeded")][0])
    assert succeeded["data"]["object"]["id"] == intent.id
    assert not any(name.startswith("_") for name in succeeded["data"]["object"])
    logged = stripe_account.client().v1.events.retrieve(succeeded["id"])
    assert logged.type == "payment_intent.succeeded"


def test_a_refused_event_is_delivered_again(stripe_account: StripeStandIn, heard: Listener) -> None:
    heard.refuse = 3
    stripe_account.client().v1.customers.create({})
    heard.wait_for(lambda heard: len(heard.received) == 4)
    assert len({json.loads(body)["id"] for body, _ in heard.received}) == 1


def test_held_events_wait_for_their_release(stripe_account: StripeStandIn, heard: Listener) -> None:
    stripe_account.control("POST", "webhook", held=True)
    pay(stripe_account)
    assert heard.received == []
    assert stripe_account.control("GET", "webhook")["deliveries"]["waiting"] >= 5
    stripe_account.control("POST", "webhook", held=False)
    heard.wait_for(lambda heard: "payment_intent.succeeded" in heard.types())


def test_events_are_delivered_twice_on_request(
    stripe_account: StripeStandIn, heard: Listener
) -> None:
    stripe_account.control("POST", "webhook", copies=2)
    stripe_account.client().v1.customers.create({})
    heard.wait_for(lambda heard: len(heard.received) == 2)
    assert heard.received[0][0] == heard.received[1][0]


def test_events_are_delivered_in_another_order_on_request(
    stripe_account: StripeStandIn, heard: Listener
) -> None:
    stripe_account.control("POST", "webhook", held=True, shuffle=True)
    made = [stripe_account.client().v1.customers.create({}).id for _ in range(12)]
    stripe_account.control("POST", "webhook", held=False)
    heard.wait_for(lambda heard: len(heard.received) == 12)
    arrived = [json.loads(body)["data"]["object"]["id"] for body, _ in heard.received]
    assert sorted(arrived) == sorted(made)
    assert arrived != made


def test_a_dropped_event_can_be_sent_again(stripe_account: StripeStandIn, heard: Listener) -> None:
    stripe_account.control("POST", "webhook/drop", type="payment_intent.*", times=2)
    pay(stripe_account)
    heard.wait_for(lambda heard: "charge.succeeded" in heard.types())
    (lost,) = stripe_account.client().v1.events.list({"type": "payment_intent.succeeded"}).data
    stripe_account.control("POST", "webhook/resend", event=lost.id)
    heard.wait_for(lambda heard: "payment_intent.succeeded" in heard.types())
    dropped = stripe_account.control("GET", "webhook/deliveries", state="dropped")["deliveries"]
    assert lost.id in {delivery["event"] for delivery in dropped}


def test_an_update_event_has_the_previous_values(stripe_account: StripeStandIn) -> None:
    client = stripe_account.client().v1
    customer = client.customers.create({"name": "Before"})
    client.customers.update(customer.id, {"name": "After"})
    (event,) = client.events.list({"type": "customer.updated"}).data
    assert event.data.previous_attributes is not None
    assert event.data.previous_attributes.to_dict() == {"name": "Before"}
    assert event.data.object["name"] == "After"
