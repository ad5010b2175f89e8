"""Cards: adopted after Stripe confirms them, replaced and never deleted."""

from datetime import date, timedelta
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.db import connection

from accounts.models import Package, PackagePrice
from billing.contracts.offers import current_offer
from billing.gateway import client as gateway
from billing.models import ChargeAttempt, Contract, PaymentMethod
from billing.payments.cards import (
    CONTACT_REFUSED,
    CardNotAccepted,
    adopt_card,
    begin_card_setup,
    begin_paying_card_setup,
    customer_of,
    settle_cards_at_stripe,
)
from core.operations.models import OperationsAlert
from core.schema import provider_schema
from tenants.models import AuditEntry, ManagedUser, MeteringPolicy, Organization
from tenants.refusals import UserCapReached
from tenants.users.membership import add_member
from tests.billing.conftest import BILL, NOVEMBER


def set_up(scenario, provider=None, card="pm_card_visa", offer=None):
    owner = provider or scenario.provider
    secret = (
        begin_paying_card_setup(provider=owner, offer=offer, actor=BILL, now=NOVEMBER)
        if offer
        else begin_card_setup(provider=owner, actor=BILL)
    )
    intent = secret.partition("_secret_")[0]
    if card:
        gateway.client().v1.setup_intents.confirm(intent, {"payment_method": card})
    return intent


@pytest.fixture
def price_list(north):
    package = Package.objects.create(name="Starter", metric="users", contents=["Everything"])
    for day, price in [(date(2026, 1, 1), "9.00"), (date(2026, 10, 1), "10.50")]:
        PackagePrice.objects.create(
            package=package, currency="USD", unit_price=Decimal(price), valid_from=day
        )
    return package


def test_a_first_card_lifts_the_free_allowance_and_begins_a_contract(scenario, price_list):
    organization = Organization.objects.create(name="Acme")
    for number in range(10):
        join(organization, number)
    with pytest.raises(UserCapReached):
        join(organization, 10)

    offer = current_offer(provider=scenario.provider, now=NOVEMBER)
    intent = set_up(scenario, offer=offer)
    adopt_card(provider=scenario.provider, setup_intent_id=intent, now=NOVEMBER)

    join(organization, 10)
    assert MeteringPolicy.objects.free_user_limit_at(NOVEMBER) is None
    contract = Contract.objects.get()
    assert (contract.kind, contract.unit_price) == ("pay_as_you_go", Decimal("10.5000"))
    assert contract.starts_on == date(2026, 11, 1)
    actions = AuditEntry.objects.filter(actor_name="Bill").values_list("action", flat=True)
    assert {"card.added", "billed_periods.changed", "contract.begun"} <= set(actions)


def join(organization, number):
    add_member(
        member=ManagedUser(organization=organization, email=f"user{number}@acme.example", name=""),
        actor=BILL,
        via="form",
        now=NOVEMBER,
    )


def test_without_a_price_list_nothing_is_changed(scenario):
    with pytest.raises(CardNotAccepted, match="no price list"):
        adopt_card(provider=scenario.provider, setup_intent_id=set_up(scenario), now=NOVEMBER)

    assert PaymentMethod.objects.current() is None
    assert MeteringPolicy.objects.current().free_user_limit == 10


def test_a_replaced_card_is_detached_after_the_new_one_is_default(scenario):
    old, new = scenario.card(), scenario.card("pm_card_mastercard")
    old.refresh_from_db()

    assert PaymentMethod.objects.current() == new
    assert (new.brand, old.replaced_at) == ("mastercard", NOVEMBER)
    assert gateway.card(payment_method_id=old.stripe_payment_method_id).customer_id

    assert settle_cards_at_stripe(provider=scenario.provider, now=NOVEMBER)
    assert settle_cards_at_stripe(provider=scenario.provider, now=NOVEMBER)

    customer = gateway.client().v1.customers.retrieve(scenario.customer()).to_dict()
    assert customer["invoice_settings"]["default_payment_method"] == new.stripe_payment_method_id
    assert not gateway.card(payment_method_id=old.stripe_payment_method_id).customer_id
    assert AuditEntry.objects.filter(action="card.replaced").count() == 1


def test_a_refused_contact_email_does_not_stop_a_change_of_card(scenario):
    old, new = scenario.card(), scenario.card("pm_card_mastercard")
    scenario.provider.contact_email = "billing@north"

    assert settle_cards_at_stripe(provider=scenario.provider, now=NOVEMBER)

    customer = gateway.client().v1.customers.retrieve(scenario.customer()).to_dict()
    assert customer["invoice_settings"]["default_payment_method"] == new.stripe_payment_method_id
    assert not gateway.card(payment_method_id=old.stripe_payment_method_id).customer_id
    alert = OperationsAlert.objects.open().get(kind=CONTACT_REFUSED)
    assert "billing@north: email_invalid" in alert.summary

    scenario.provider.contact_email = "billing@north.example"
    settle_cards_at_stripe(provider=scenario.provider, now=NOVEMBER)
    alert.refresh_from_db()
    assert alert.settled_at


def test_a_card_that_an_unfinished_attempt_uses_stays_attached(scenario):
    old = scenario.card()
    ChargeAttempt.objects.create(
        invoice=scenario.invoice(),
        state=ChargeAttempt.State.UNKNOWN,
        idempotency_key="charge-1",
        amount_minor=33_000,
        currency="USD",
        stripe_customer_id=scenario.customer(),
        stripe_payment_method_id=old.stripe_payment_method_id,
        created_at=NOVEMBER,
    )
    scenario.card("pm_card_mastercard")

    assert not settle_cards_at_stripe(provider=scenario.provider, now=NOVEMBER)

    assert gateway.card(payment_method_id=old.stripe_payment_method_id).customer_id


def test_an_old_intent_does_not_restore_the_replaced_card(scenario):
    old = scenario.card()
    new = scenario.card("pm_card_mastercard")

    again = adopt_card(
        provider=scenario.provider,
        setup_intent_id=old.stripe_setup_intent_id,
        now=NOVEMBER + timedelta(days=1),
    )

    assert again == old
    assert PaymentMethod.objects.current() == new


def test_a_card_without_confirmation_is_not_accepted(scenario):
    intent = set_up(scenario, card=None)

    with pytest.raises(CardNotAccepted, match="not confirmed"):
        adopt_card(provider=scenario.provider, setup_intent_id=intent, now=NOVEMBER)
    with pytest.raises(CardNotAccepted, match="knows nothing"):
        adopt_card(provider=scenario.provider, setup_intent_id="seti_none", now=NOVEMBER)

    assert PaymentMethod.objects.count() == 0


def test_another_providers_intent_is_refused_like_an_unknown_one(scenario, south):
    intent = set_up(scenario, provider=south)
    set_up(scenario)

    with pytest.raises(CardNotAccepted, match="knows nothing"):
        adopt_card(provider=scenario.provider, setup_intent_id=intent, now=NOVEMBER)


def test_a_card_detached_meanwhile_is_not_accepted(scenario):
    intent = set_up(scenario)
    facts = gateway.setup_intent(setup_intent_id=intent)
    gateway.detach_card(payment_method_id=facts.card.payment_method_id)

    with pytest.raises(CardNotAccepted, match="taken off"):
        adopt_card(provider=scenario.provider, setup_intent_id=intent, now=NOVEMBER)


def test_the_customer_is_created_once(scenario):
    first = customer_of(scenario.provider)
    scenario.provider.stripe_customer_id = None

    assert customer_of(scenario.provider) == first
    assert len(gateway.client().v1.customers.list().to_dict()["data"]) == 1


@pytest.mark.proof
def test_two_concurrent_tabs_leave_one_default_card(committed_scenario):
    scenario = committed_scenario
    scenario.contract()
    intents = [set_up(scenario), set_up(scenario, card="pm_card_mastercard")]
    start = Barrier(4)
    failures = []

    def come_back(intent):
        try:
            with provider_schema(scenario.provider):
                start.wait()
                adopt_card(provider=scenario.provider, setup_intent_id=intent, now=NOVEMBER)
        except Exception as error:  # noqa: BLE001 - reported below
            failures.append(error)
        finally:
            connection.close()

    threads = [Thread(target=come_back, args=[intent]) for intent in intents * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert PaymentMethod.objects.count() == 2
    assert PaymentMethod.objects.filter(replaced_at=None).count() == 1
