"""Refunds and disputes, which never exceed their charge."""

import pytest
import stripe

from tests.sandbox_fixtures import StripeStandIn


@pytest.fixture
def paid(stripe_account: StripeStandIn) -> stripe.PaymentIntent:
    customer, card = stripe_account.customer_with()
    return stripe_account.client().v1.payment_intents.create(
        {
            "amount": 1000,
            "currency": "usd",
            "customer": customer,
            "payment_method": card,
            "confirm": True,
            "off_session": True,
        }
    )


def test_refunds_never_exceed_the_charge(
    stripe_account: StripeStandIn, paid: stripe.PaymentIntent
) -> None:
    client = stripe_account.client().v1
    first = client.refunds.create({"payment_intent": paid.id, "amount": 600})
    assert (first.status, first.amount) == ("succeeded", 600)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        client.refunds.create({"payment_intent": paid.id, "amount": 401})
    rest = client.refunds.create({"charge": str(paid.latest_charge)})
    assert rest.amount == 400
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.refunds.create({"payment_intent": paid.id})
    assert refused.value.code == "charge_already_refunded"
    charge = client.charges.retrieve(str(paid.latest_charge))
    assert (charge.refunded, charge.amount_refunded) == (True, 1000)
    assert [refund.id for refund in client.refunds.list({"payment_intent": paid.id}).data] == [
        rest.id,
        first.id,
    ]
    assert client.payment_intents.retrieve(paid.id).status == "succeeded"


def test_refunds_need_one_successful_charge(
    stripe_account: StripeStandIn, paid: stripe.PaymentIntent
) -> None:
    refunds = stripe_account.client().v1.refunds
    with pytest.raises(stripe.InvalidRequestError):
        refunds.create({})
    with pytest.raises(stripe.InvalidRequestError):
        refunds.create({"payment_intent": paid.id, "charge": str(paid.latest_charge)})
    with pytest.raises(stripe.InvalidRequestError, match="greater than or equal to 1"):
        refunds.create({"payment_intent": paid.id, "amount": 0})
    unpaid = stripe_account.client().v1.payment_intents.create({"amount": 500, "currency": "usd"})
    with pytest.raises(stripe.InvalidRequestError, match="successful charge"):
        refunds.create({"payment_intent": unpaid.id})


def test_a_refund_from_the_dashboard_can_fail_at_the_bank(
    stripe_account: StripeStandIn, paid: stripe.PaymentIntent
) -> None:
    made = stripe_account.control("POST", "refunds", payment_intent=paid.id, amount=300)
    assert stripe_account.charges()["amount_refunded"] == 300
    stripe_account.control("POST", "refunds/fail", refund=made["id"])
    assert stripe_account.charges()["amount_refunded"] == 0
    client = stripe_account.client().v1
    assert client.refunds.retrieve(made["id"]).status == "failed"
    kinds = [event.type for event in client.events.list({"types": ["refund.failed"]}).data]
    assert kinds == ["refund.failed"]


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_a_dispute_is_opened_and_closed(
    stripe_account: StripeStandIn, paid: stripe.PaymentIntent, outcome: str
) -> None:
    client = stripe_account.client().v1
    opened = stripe_account.control("POST", "disputes", payment_intent=paid.id)
    assert client.charges.retrieve(str(paid.latest_charge)).disputed is True
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.refunds.create({"payment_intent": paid.id})
    assert refused.value.code == "charge_disputed"
    stripe_account.control("POST", "disputes/close", dispute=opened["id"], outcome=outcome)
    (found,) = client.disputes.list({"payment_intent": paid.id}).data
    assert (found.id, found.status) == (opened["id"], outcome)
    closed = client.events.list({"type": "charge.dispute.closed"}).data
    assert [event.data.object["id"] for event in closed] == [found.id]


@pytest.mark.parametrize("kind", ["refunds", "disputes"])
def test_a_fraud_warning_is_actionable_until_the_charge_is_refunded_or_disputed(
    stripe_account: StripeStandIn, paid: stripe.PaymentIntent, kind: str
) -> None:
    warnings = stripe_account.client().v1.radar.early_fraud_warnings
    made = stripe_account.control("POST", "fraud_warnings", payment_intent=paid.id)
    (found,) = warnings.list({"payment_intent": paid.id}).data
    assert (found.id, found.charge, found.actionable) == (made["id"], paid.latest_charge, True)
    stripe_account.control("POST", kind, payment_intent=paid.id)
    assert warnings.retrieve(found.id).actionable is False
