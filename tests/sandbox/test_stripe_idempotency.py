"""Idempotency keys: one key, one answer."""

import threading
import time

import pytest
import stripe

from tests.sandbox_fixtures import StripeStandIn


def charge(
    stand_in: StripeStandIn, key: str, *, amount: int = 1200, retries: int = 0, **more: object
) -> stripe.PaymentIntent:
    """Charge the account's one customer under a key."""
    client = stand_in.client(retries=retries).v1
    customer = client.customers.list({"limit": 1}).data[0].id
    card = client.customers.payment_methods.list(customer).data[0].id
    params = {
        "amount": amount,
        "currency": "usd",
        "customer": customer,
        "payment_method": card,
        "confirm": True,
        "off_session": True,
        "metadata": {"invoice": "17"},
        **more,
    }
    return client.payment_intents.create(params, {"idempotency_key": key})


@pytest.fixture
def shop(stripe_account: StripeStandIn) -> StripeStandIn:
    stripe_account.customer_with()
    return stripe_account


def headers(answer: stripe.PaymentIntent) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.last_response.headers.items()}


def test_the_same_key_charges_once(shop: StripeStandIn) -> None:
    first = charge(shop, "attempt-1")
    again = charge(shop, "attempt-1")
    assert again.id == first.id
    assert "idempotent-replayed" not in headers(first)
    assert headers(again)["idempotent-replayed"] == "true"
    assert headers(again)["original-request"] == headers(first)["request-id"]
    assert shop.charges(**{"metadata[invoice]": "17"})["succeeded"] == 1
    assert charge(shop, "attempt-2").id != first.id
    assert shop.charges(**{"metadata[invoice]": "17"})["amount_charged"] == 2400


def test_the_same_key_for_another_amount_is_refused(shop: StripeStandIn) -> None:
    charge(shop, "attempt-1")
    with pytest.raises(stripe.IdempotencyError, match="same parameters"):
        charge(shop, "attempt-1", amount=1300)
    assert shop.charges()["succeeded"] == 1


def test_a_key_belongs_to_its_account(shop: StripeStandIn) -> None:
    made = shop.client().v1.customers.create({}, {"idempotency_key": "mine"})
    other = shop.client("sk_test_other").v1.customers.create({}, {"idempotency_key": "mine"})
    assert made.id != other.id


def test_a_declined_charge_is_replayed(shop: StripeStandIn) -> None:
    client = shop.client().v1
    customer = client.customers.list().data[0].id
    seen = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as declined:
            client.payment_intents.create(
                {
                    "amount": 700,
                    "currency": "usd",
                    "customer": customer,
                    "payment_method": "pm_card_chargeCustomerFail",
                    "confirm": True,
                    "off_session": True,
                },
                {"idempotency_key": "declined"},
            )
        assert declined.value.error is not None
        seen.append(declined.value.error.payment_intent.id)
    assert seen[0] == seen[1]
    assert shop.charges()["failed"] == 1


def test_a_refused_parameter_is_not_kept_under_the_key(shop: StripeStandIn) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        charge(shop, "attempt-1", nonsense="1")
    assert charge(shop, "attempt-1").status == "succeeded"


def test_a_rate_limit_is_not_kept_under_the_key(shop: StripeStandIn) -> None:
    shop.fault("rate_limit", path="/v1/payment_intents")
    with pytest.raises(stripe.RateLimitError):
        charge(shop, "attempt-1")
    assert charge(shop, "attempt-1").status == "succeeded"


@pytest.mark.parametrize(("work", "charged"), [(True, 1), (False, 0)])
def test_a_saved_500_is_replayed(shop: StripeStandIn, work: bool, charged: int) -> None:
    shop.fault("saved_500", path="/v1/payment_intents", work=work)
    for _ in range(2):
        with pytest.raises(stripe.APIError) as failed:
            charge(shop, "attempt-1")
        assert failed.value.http_status == 500
    assert shop.charges()["succeeded"] == charged


def test_an_unsaved_500_can_be_tried_again(shop: StripeStandIn) -> None:
    shop.fault("unsaved_500", path="/v1/payment_intents")
    with pytest.raises(stripe.APIError):
        charge(shop, "attempt-1")
    assert shop.charges()["succeeded"] == 0
    assert charge(shop, "attempt-1").status == "succeeded"


def test_a_key_in_flight_is_a_conflict(shop: StripeStandIn) -> None:
    shop.fault("slow", path="/v1/payment_intents", seconds=0.8)
    answers: list[stripe.PaymentIntent] = []
    slow = threading.Thread(target=lambda: answers.append(charge(shop, "attempt-1")))
    slow.start()
    time.sleep(0.3)
    with pytest.raises(stripe.APIError) as conflict:
        charge(shop, "attempt-1")
    slow.join()
    assert conflict.value.http_status == 409
    assert conflict.value.error is not None
    assert conflict.value.error.code == "idempotency_key_in_use"
    assert charge(shop, "attempt-1").id == answers[0].id
    assert shop.charges()["succeeded"] == 1


def test_a_key_is_deleted_after_a_day_or_on_request(shop: StripeStandIn) -> None:
    first = charge(shop, "attempt-1")
    shop.control("POST", "clock", shift_seconds=86_000)
    assert charge(shop, "attempt-1").id == first.id
    shop.control("POST", "clock", shift_seconds=87_000)
    second = charge(shop, "attempt-1")
    assert second.id != first.id
    assert shop.control("POST", "idempotency/expire", account=shop.account, key="attempt-1") == {
        "expired": 1
    }
    assert charge(shop, "attempt-1").id != second.id


def test_an_overlong_key_is_refused(shop: StripeStandIn) -> None:
    with pytest.raises(stripe.IdempotencyError, match="255"):
        charge(shop, "k" * 256)


def test_racing_clients_with_one_key_charge_once(shop: StripeStandIn) -> None:
    results: list[str] = []

    def race() -> None:
        try:
            results.append(charge(shop, "race").id)
        except stripe.APIError as conflict:
            results.append(str(conflict.http_status))

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({result for result in results if result != "409"}) == 1
    assert shop.charges()["succeeded"] == 1
