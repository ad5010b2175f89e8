"""Every test card behaves as Stripe documents it."""

import pytest
import stripe

from sandbox.stripe import cards
from tests.sandbox_fixtures import StripeStandIn


def charge(stand_in: StripeStandIn, customer: str, card: str, **more: object) -> stripe.CardError:
    """The refusal of an off-session charge."""
    params = {
        "amount": 1500,
        "currency": "eur",
        "customer": customer,
        "payment_method": card,
        "confirm": True,
        "off_session": True,
        **more,
    }
    with pytest.raises(stripe.CardError) as refused:
        stand_in.client().v1.payment_intents.create(params)
    return refused.value


def set_up(stand_in: StripeStandIn, number: str) -> tuple[str, stripe.SetupIntent]:
    """A customer who enters a card; 3-D Secure is left open."""
    client = stand_in.client().v1
    customer = client.customers.create({}).id
    intent = client.setup_intents.create({"customer": customer, "usage": "off_session"})
    card = stand_in.card(number)
    return customer, client.setup_intents.confirm(
        intent.id, {"payment_method": card.id, "return_url": "https://portal.example/back"}
    )


@pytest.mark.parametrize("number", cards.FINE_NUMBERS)
def test_good_cards_are_set_up_and_charged(stripe_account: StripeStandIn, number: str) -> None:
    customer, intent = set_up(stripe_account, number)
    assert intent.status == "succeeded"
    paid = stripe_account.client().v1.payment_intents.create(
        {
            "amount": 1500,
            "currency": "eur",
            "customer": customer,
            "payment_method": str(intent.payment_method),
            "confirm": True,
            "off_session": True,
        }
    )
    assert (paid.status, paid.amount_received) == ("succeeded", 1500)


@pytest.mark.parametrize(
    ("number", "code", "decline_code"),
    [
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000009987", "card_declined", "lost_card"),
        ("4000000000009979", "card_declined", "stolen_card"),
        ("4000000000000069", "expired_card", "expired_card"),
        ("4000000000000127", "incorrect_cvc", "incorrect_cvc"),
        ("4000000000000119", "processing_error", "processing_error"),
    ],
)
def test_each_declined_card_has_its_code(
    stripe_account: StripeStandIn, number: str, code: str, decline_code: str
) -> None:
    client = stripe_account.client().v1
    customer = client.customers.create({}).id
    refused = charge(stripe_account, customer, stripe_account.card(number).id)
    assert refused.http_status == 402
    assert refused.error is not None
    assert (refused.code, refused.error.decline_code) == (code, decline_code)
    intent = refused.error.payment_intent
    assert intent is not None
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    found = client.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})
    assert found.last_payment_error is not None
    assert found.last_payment_error.decline_code == decline_code
    assert isinstance(found.latest_charge, stripe.Charge)
    assert (found.latest_charge.status, found.latest_charge.failure_code) == ("failed", code)
    with pytest.raises(stripe.CardError):
        client.payment_methods.attach(stripe_account.card(number).id, {"customer": customer})
    with pytest.raises(stripe.CardError) as failed:
        set_up(stripe_account, number)
    assert failed.value.error is not None
    assert failed.value.error.setup_intent is not None
    assert failed.value.error.setup_intent.status == "requires_payment_method"


def test_a_card_can_attach_and_be_declined_when_charged(stripe_account: StripeStandIn) -> None:
    customer, card = stripe_account.customer_with("pm_card_chargeCustomerFail")
    refused = charge(stripe_account, customer, card)
    assert refused.error is not None
    assert refused.error.decline_code == "generic_decline"


def test_authentication_at_set_up_covers_later_charges(stripe_account: StripeStandIn) -> None:
    customer, intent = set_up(stripe_account, "4000002500003155")
    assert intent.status == "requires_action"
    assert intent.next_action is not None
    assert intent.next_action.type == "redirect_to_url"
    stripe_account.control("POST", "authentications", intent=intent.id, outcome="complete")
    client = stripe_account.client().v1
    assert client.setup_intents.retrieve(intent.id).status == "succeeded"
    paid = client.payment_intents.create(
        {
            "amount": 1500,
            "currency": "eur",
            "customer": customer,
            "payment_method": str(intent.payment_method),
            "confirm": True,
            "off_session": True,
        }
    )
    assert paid.status == "succeeded"


def test_a_failed_authentication_sets_nothing_up(stripe_account: StripeStandIn) -> None:
    customer, intent = set_up(stripe_account, "4000002500003155")
    stripe_account.control("POST", "authentications", intent=intent.id, outcome="fail")
    client = stripe_account.client().v1
    failed = client.setup_intents.retrieve(intent.id)
    assert failed.status == "requires_payment_method"
    assert failed.last_setup_error is not None
    assert failed.last_setup_error.code == "setup_intent_authentication_failure"
    assert client.customers.payment_methods.list(customer).data == []


def test_an_off_session_charge_can_need_authentication(stripe_account: StripeStandIn) -> None:
    customer, intent = set_up(stripe_account, "4000002760003184")
    stripe_account.control("POST", "authentications", intent=intent.id, outcome="complete")
    card = str(intent.payment_method)
    refused = charge(stripe_account, customer, card)
    assert (refused.http_status, refused.code) == (402, "authentication_required")
    assert refused.error is not None
    payment = refused.error.payment_intent
    assert payment is not None
    assert payment.status == "requires_payment_method"
    assert refused.error.payment_method is not None
    assert refused.error.payment_method.id == card
    browser = stripe_account.client(stripe_account.publishable_key).v1.payment_intents
    secret = str(payment.client_secret)
    asked = browser.confirm(payment.id, {"payment_method": card, "client_secret": secret})
    assert asked.status == "requires_action"
    stripe_account.control("POST", "authentications", intent=payment.id, outcome="complete")
    client = stripe_account.client().v1
    assert client.payment_intents.retrieve(payment.id).status == "succeeded"
    counted = stripe_account.charges()
    assert (counted["succeeded"], counted["failed"]) == (1, 1)
    with pytest.raises(stripe.InvalidRequestError, match="already succeeded"):
        client.payment_intents.confirm(payment.id, {"payment_method": card, "off_session": True})


def test_an_authenticated_card_can_lack_funds(stripe_account: StripeStandIn) -> None:
    customer, intent = set_up(stripe_account, "4000008260003178")
    stripe_account.control("POST", "authentications", intent=intent.id, outcome="complete")
    refused = charge(stripe_account, customer, str(intent.payment_method))
    assert refused.error is not None
    assert refused.error.decline_code == "insufficient_funds"


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ({"number": "4242424242424241"}, "incorrect_number"),
        ({"number": "1234"}, "incorrect_number"),
        ({"number": "4242424242424242", "exp_month": 13}, "invalid_expiry_month"),
        ({"number": "4242424242424242", "exp_year": 2020}, "invalid_expiry_year"),
        ({"number": "4242424242424242", "cvc": "12"}, "invalid_cvc"),
        ({"number": "378282246310005", "cvc": "123"}, "invalid_cvc"),
        ({"number": "4111111111111111"}, "card_declined"),
    ],
)
def test_entered_card_details_are_checked(
    stripe_account: StripeStandIn, card: dict[str, object], code: str
) -> None:
    with pytest.raises(stripe.CardError) as refused:
        stripe_account.card(**card)
    assert refused.value.code == code


def test_a_card_expires_with_the_clock(stripe_account: StripeStandIn) -> None:
    customer, card = stripe_account.customer_with()
    stripe_account.control("POST", "clock", shift_seconds=6 * 366 * 86_400)
    assert charge(stripe_account, customer, card).code == "expired_card"


@pytest.mark.parametrize("answer", ["lost_card", "insufficient_funds", "do_not_honor"])
def test_an_attached_card_can_be_set_to_fail(stripe_account: StripeStandIn, answer: str) -> None:
    customer, card = stripe_account.customer_with()
    stripe_account.control("POST", "cards", payment_method=card, answer=answer)
    refused = charge(stripe_account, customer, card)
    assert refused.error is not None
    assert refused.error.decline_code == answer
    stripe_account.control("POST", "cards", payment_method=card, answer=None)
    with pytest.raises(pytest.fail.Exception):
        charge(stripe_account, customer, card)


def test_confirming_on_session_needs_a_return_url(stripe_account: StripeStandIn) -> None:
    client = stripe_account.client().v1.payment_intents
    params = {"amount": 900, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
    with pytest.raises(stripe.InvalidRequestError, match="return_url"):
        client.create(params)
    never = {"enabled": True, "allow_redirects": "never"}
    paid = client.create({**params, "automatic_payment_methods": never})
    assert paid.status == "succeeded"


@pytest.mark.parametrize(("answer", "status"), [("approve", "succeeded"), ("lost_card", None)])
def test_a_payment_can_hang_in_processing(
    stripe_account: StripeStandIn, answer: str, status: str | None
) -> None:
    customer, card = stripe_account.customer_with()
    client = stripe_account.client().v1.payment_intents
    stripe_account.control("POST", "payments/hold", times=1)
    params = {"amount": 900, "currency": "usd", "customer": customer, "payment_method": card}
    intent = client.create({**params, "confirm": True, "off_session": True})
    assert intent.status == "processing"
    with pytest.raises(stripe.InvalidRequestError):
        client.cancel(intent.id)
    stripe_account.control("POST", "payments/settle", payment_intent=intent.id, answer=answer)
    assert client.retrieve(intent.id).status == (status or "requires_payment_method")


def test_a_network_renews_a_card(stripe_account: StripeStandIn) -> None:
    _, card = stripe_account.customer_with()
    stripe_account.control("POST", "cards/renew", payment_method=card, last4="1881", exp_year=2041)
    client = stripe_account.client().v1
    renewed = client.payment_methods.retrieve(card).card
    assert renewed is not None
    assert (renewed.last4, renewed.exp_year) == ("1881", 2041)
    (event,) = client.events.list({"type": "payment_method.automatically_updated"}).data
    previous = event.to_dict()["data"]["previous_attributes"]["card"]
    assert previous["last4"] == "4242"
