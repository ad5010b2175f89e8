"""The stand-in refuses the same requests as Stripe: keys, owners, detached cards."""

import pytest
import stripe

from tests.sandbox_fixtures import StripeStandIn


def test_unknown_urls_keys_and_ids_are_refused(stripe_account: StripeStandIn) -> None:
    with pytest.raises(stripe.AuthenticationError):
        stripe_account.client("nonsense").v1.customers.list()
    with pytest.raises(stripe.AuthenticationError, match="publishable"):
        stripe_account.client(stripe_account.publishable_key).v1.customers.list()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe_account.client().v1.products.list()
    assert refused.value.http_status == 404
    with pytest.raises(stripe.InvalidRequestError, match="No such customer: 'cus_x'"):
        stripe_account.client().v1.customers.retrieve("cus_x")


def test_accounts_do_not_see_each_others_objects(stripe_account: StripeStandIn) -> None:
    customer, card = stripe_account.customer_with()
    other = stripe_account.client("sk_test_elsewhere").v1
    assert other.customers.list().data == []
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        other.customers.retrieve(customer)
    with pytest.raises(stripe.InvalidRequestError, match="No such PaymentMethod"):
        other.payment_methods.detach(card)


def test_customer_fields_are_stored_and_cleared(stripe_account: StripeStandIn) -> None:
    customers = stripe_account.client().v1.customers
    made = customers.create(
        {
            "name": "Åsa & Sons",
            "email": "a@sons.example",
            "metadata": {"provider": "7", "0": "zero"},
            "address": {"city": "Malmö", "country": "SE"},
        }
    )
    changed = customers.update(
        made.id, {"name": "", "metadata": {"provider": "", "plan": "annual"}}
    )
    assert changed.name is None
    assert changed.metadata is not None
    assert changed.metadata.to_dict() == {"0": "zero", "plan": "annual"}
    assert changed.address is not None
    assert (changed.address.city, changed.address.line1) == ("Malmö", None)
    with pytest.raises(stripe.InvalidRequestError, match="Invalid email"):
        customers.update(made.id, {"email": "nonsense"})
    customers.delete(made.id)
    assert customers.retrieve(made.id).deleted is True


def test_only_an_attached_card_becomes_the_default(stripe_account: StripeStandIn) -> None:
    client = stripe_account.client().v1
    customer, card = stripe_account.customer_with()
    _, foreign = stripe_account.customer_with("pm_card_mastercard")
    with pytest.raises(stripe.InvalidRequestError, match="must be attached"):
        client.customers.update(customer, {"invoice_settings": {"default_payment_method": foreign}})
    client.customers.update(customer, {"invoice_settings": {"default_payment_method": card}})
    found = client.customers.retrieve(
        customer, {"expand": ["invoice_settings.default_payment_method"]}
    )
    assert found.invoice_settings is not None
    default = found.invoice_settings.default_payment_method
    assert isinstance(default, stripe.PaymentMethod)
    assert default.card is not None
    assert (default.card.brand, default.card.last4) == ("visa", "4242")
    client.payment_methods.detach(card)
    found = client.customers.retrieve(customer)
    assert found.invoice_settings is not None
    assert found.invoice_settings.default_payment_method is None


def test_a_foreign_or_detached_card_cannot_be_charged(stripe_account: StripeStandIn) -> None:
    client = stripe_account.client().v1
    customer, card = stripe_account.customer_with()
    stranger, _ = stripe_account.customer_with("pm_card_mastercard")

    def charge(**more: object) -> stripe.PaymentIntent:
        params = {"amount": 900, "currency": "usd", "confirm": True, "off_session": True, **more}
        return client.payment_intents.create(params)

    with pytest.raises(stripe.InvalidRequestError, match="does not have a payment method"):
        charge(customer=stranger, payment_method=card)
    with pytest.raises(stripe.InvalidRequestError, match="must provide the customer"):
        charge(payment_method=card)
    assert charge(customer=customer, payment_method=card).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="already been attached"):
        client.payment_methods.attach(card, {"customer": stranger})
    client.payment_methods.detach(card)
    with pytest.raises(stripe.InvalidRequestError, match="detached"):
        charge(customer=customer, payment_method=card)
    with pytest.raises(stripe.InvalidRequestError, match="detached"):
        client.payment_methods.attach(card, {"customer": customer})
    assert stripe_account.charges()["succeeded"] == 1


def test_lists_have_pages_in_both_directions(stripe_account: StripeStandIn) -> None:
    client = stripe_account.client().v1
    customer, _ = stripe_account.customer_with()
    made = [
        client.payment_intents.create(
            {"amount": 500 + number, "currency": "usd", "customer": customer}
        ).id
        for number in range(5)
    ]
    client.payment_intents.create({"amount": 999, "currency": "usd"})
    newest = made[::-1]
    page = client.payment_intents.list({"customer": customer, "limit": 2})
    assert ([intent.id for intent in page.data], page.has_more) == (newest[:2], True)
    assert [intent.id for intent in page.auto_paging_iter()] == newest
    back = client.payment_intents.list({"customer": customer, "ending_before": newest[3]})
    assert [intent.id for intent in back.data] == newest[:3]
    late = client.payment_intents.list({"customer": customer, "created": {"gt": 4_000_000_000}})
    assert late.data == []
    with pytest.raises(stripe.InvalidRequestError, match="between 1 and 100"):
        client.payment_intents.list({"limit": 101})


def test_a_server_must_not_see_card_numbers(stripe_account: StripeStandIn) -> None:
    with pytest.raises(stripe.StripeError, match="generally unsafe"):
        stripe_account.client().v1.payment_methods.create(
            {"type": "card", "card": {"number": "4242424242424242", "exp_month": 1, "exp_year": 40}}
        )


def test_the_browser_needs_the_client_secret(stripe_account: StripeStandIn) -> None:
    intent = stripe_account.client().v1.setup_intents.create({"metadata": {"inner": "secret"}})
    browser = stripe_account.client(stripe_account.publishable_key).v1.setup_intents
    with pytest.raises(stripe.InvalidRequestError, match="client_secret"):
        browser.retrieve(intent.id)
    with pytest.raises(stripe.InvalidRequestError, match="client_secret"):
        browser.retrieve(intent.id, {"client_secret": f"{intent.id}_secret_guess"})
    seen = browser.retrieve(intent.id, {"client_secret": str(intent.client_secret)})
    assert "metadata" not in seen
