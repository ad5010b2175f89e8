"""Faults of the stand-in: timeouts after the work, killed processes."""

import threading
import time
from pathlib import Path

import pytest
import stripe

from tests.sandbox_fixtures import StripeStandIn, start_stripe_stand_in


def charge(stand_in: StripeStandIn, key: str, *, retries: int = 0) -> stripe.PaymentIntent:
    client = stand_in.client(retries=retries).v1
    customer = client.customers.list().data[0].id
    card = client.customers.payment_methods.list(customer).data[0].id
    return client.payment_intents.create(
        {
            "amount": 1100,
            "currency": "usd",
            "customer": customer,
            "payment_method": card,
            "confirm": True,
            "off_session": True,
            "metadata": {"invoice": "9", "attempt": key},
        },
        {"idempotency_key": key},
    )


def test_an_answer_can_be_lost_after_the_charge(stripe_account: StripeStandIn) -> None:
    stripe_account.customer_with()
    stripe_account.fault("commit_then_timeout", path="/v1/payment_intents", times=2)
    for _ in range(2):
        with pytest.raises(stripe.APIConnectionError):
            charge(stripe_account, "a-1")
    assert stripe_account.charges(idempotency_key="a-1")["succeeded"] == 1
    found = charge(stripe_account, "a-1")
    (listed,) = stripe_account.client().v1.payment_intents.list({"limit": 5}).data
    assert listed.id == found.id
    assert listed.metadata.to_dict() == {"invoice": "9", "attempt": "a-1"}


def test_a_timeout_before_the_work_charges_nothing(stripe_account: StripeStandIn) -> None:
    stripe_account.customer_with()
    stripe_account.fault("timeout", path="/v1/payment_intents", seconds=0.2)
    with pytest.raises(stripe.APIConnectionError):
        charge(stripe_account, "a-1")
    assert stripe_account.charges()["succeeded"] == 0
    assert charge(stripe_account, "a-1").status == "succeeded"


def test_the_sdk_retries_through_a_fault(stripe_account: StripeStandIn) -> None:
    stripe_account.customer_with()
    stripe_account.fault("commit_then_timeout", path="/v1/payment_intents")
    stripe_account.fault("conflict", path="/v1/payment_intents")
    assert charge(stripe_account, "a-1", retries=3).status == "succeeded"
    assert stripe_account.charges()["succeeded"] == 1


def test_faults_apply_to_the_named_requests_only(stripe_account: StripeStandIn) -> None:
    stripe_account.customer_with()
    stripe_account.fault("unsaved_500", method="GET", path="/v1/customers/*", skip=1)
    client = stripe_account.client().v1
    customer = client.customers.list().data[0].id
    assert client.customers.retrieve(customer).id == customer
    with pytest.raises(stripe.APIError):
        client.customers.retrieve(customer)
    assert client.customers.retrieve(customer).id == customer
    assert stripe_account.control("GET", "faults") == {"faults": []}


@pytest.mark.parametrize("order", [{"kind": "flood"}, {"kind": "slow", "times": 0}, {"type": "x"}])
def test_an_invalid_fault_is_refused(
    stripe_account: StripeStandIn, order: dict[str, object]
) -> None:
    with pytest.raises(AssertionError, match="error"):
        stripe_account.control("POST", "faults", **order)


@pytest.mark.proof
def test_a_killed_stand_in_keeps_its_state(tmp_path: Path) -> None:
    state = str(tmp_path / "stripe.sqlite")
    process, url = start_stripe_stand_in("--state", state)
    stand_in = StripeStandIn(url, account="durable")
    customer, card = stand_in.customer_with()
    answered: list[str] = []

    def keep_charging() -> None:
        for number in range(10_000):
            try:
                answered.append(charge(stand_in, f"key-{number}").id)
            except stripe.StripeError:
                return

    worker = threading.Thread(target=keep_charging)
    worker.start()
    while len(answered) < 5:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    worker.join()
    process, url = start_stripe_stand_in("--state", state)
    try:
        stand_in = StripeStandIn(url, account="durable")
        client = stand_in.client().v1
        (found,) = client.customers.payment_methods.list(customer).data
        assert found.id == card
        listed = [intent.id for intent in client.payment_intents.list({"limit": 100}).data]
        # At most the one charge in flight was taken without an answer; its key still gives it.
        assert 0 <= len(listed) - len(answered) <= 1
        assert set(answered) <= set(listed)
        last = f"key-{len(answered)}"
        assert charge(stand_in, last).status == "succeeded"
        assert stand_in.charges(idempotency_key=last)["succeeded"] == 1
    finally:
        process.terminate()
        process.communicate(timeout=10)
