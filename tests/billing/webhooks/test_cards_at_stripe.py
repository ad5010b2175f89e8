"""Cards and customers changed at Stripe without us: renewed, taken off, deleted."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import FormerStripeCustomer, Provider
from billing.alerts import expiring_card
from billing.charge_alerts import CHARGE_REFUSED
from billing.gateway import client as gateway
from billing.models import ChargeAttempt, PaymentMethod, Refund, WebhookEvent
from billing.payments.cards import begin_card_setup, customer_of
from billing.payments.charging import charge_invoice
from billing.payments.on_session import begin_on_session
from billing.payments.withdrawn_cards import CARD_WITHDRAWN, CUSTOMER_DELETED, forget_customer
from billing.reconciliation.payments import reconcile
from billing.reminders import remind
from core.operations.models import OperationsAlert, UnmatchedEvent
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tenants.models import AuditEntry
from tests.billing.conftest import BILL, BillingScenario
from tests.billing.payments.test_cards import set_up
from tests.billing.payments.test_chargebacks import discard_charges, receive_events
from tests.billing.promises.cases import broken
from tests.proofs.events import post

CARD = "payment_method."
CUSTOMER = "customer.deleted"


def events(scenario: BillingScenario, *types: str) -> list[dict[str, Any]]:
    """The stand-in's events of these types, oldest first."""
    rows = scenario.stripe.client().v1.events.list({"limit": 100}).to_dict()["data"]
    return [event for event in reversed(rows) if event["type"].startswith(types)]


def receive(scenario: BillingScenario, found: list[dict[str, Any]]) -> None:
    """Post these events in this order, and deliver the work of each before the next.

    A request leaves the schema of the provider, which is entered again.
    """
    for event in found:
        assert post(event) == 200
        discard_charges()
        deliver_due(now=timezone.now())
    scenario.provider.refresh_from_db()
    connection.set_tenant(scenario.provider)


def entries(action: str) -> int:
    return AuditEntry.objects.filter(action=action).count()


def mails(subject: str) -> list[OutboxMessage]:
    return list(OutboxMessage.objects.filter(topic="mail.send", payload__subject=subject))


def renew(scenario: BillingScenario, card: PaymentMethod, **changes: Any) -> None:
    method = card.stripe_payment_method_id
    scenario.stripe.control("POST", "cards/renew", payment_method=method, **changes)


def update(scenario: BillingScenario, card: PaymentMethod, **changes: Any) -> None:
    methods = scenario.stripe.client().v1.payment_methods
    methods.update(card.stripe_payment_method_id, {"card": changes})


@pytest.fixture
def expiring(scenario: BillingScenario) -> PaymentMethod:
    """A card on file that expires this month, whose reminder was mailed."""
    card = scenario.card()
    today = timezone.now()
    update(scenario, card, exp_month=today.month, exp_year=today.year)
    receive(scenario, events(scenario, f"{CARD}updated"))
    remind(scenario.provider, today)
    card.refresh_from_db()
    assert card.expiry_mailed_at
    assert list(expiring_card(now=today))
    return card


@pytest.mark.parametrize("change", [renew, update])
def test_a_renewed_card_is_no_longer_about_to_expire(
    scenario: BillingScenario, expiring: PaymentMethod, change: Callable[..., None]
) -> None:
    before = entries("card.updated")
    change(scenario, expiring, exp_month=3, exp_year=2041)
    found = events(scenario, f"{CARD}automatically_updated", f"{CARD}updated")
    receive(scenario, [*found, *reversed([{**each, "id": each["id"] + "_2"} for each in found])])

    expiring.refresh_from_db()
    assert (expiring.expiry_month, expiring.expiry_year) == (3, 2041)
    assert expiring.expiry_mailed_at is None
    assert list(expiring_card(now=timezone.now())) == []
    assert entries("card.updated") == before + 1
    entry = AuditEntry.objects.filter(action="card.updated").latest("pk")
    assert (entry.actor_name, entry.after["expires"]) == ("Stripe", "03/2041")


def test_a_renewed_card_is_reminded_of_again(
    scenario: BillingScenario, expiring: PaymentMethod
) -> None:
    renew(scenario, expiring, exp_month=3, exp_year=2041)
    receive(scenario, events(scenario, CARD))

    remind(scenario.provider, timezone.now().replace(year=2041, month=3, day=20))

    assert len(mails("Your Visa ending in 4242 expires soon")) == 2


def test_a_new_number_and_brand_are_shown(scenario: BillingScenario) -> None:
    card = scenario.card()
    renew(scenario, card, last4="4444", brand="mastercard")
    receive(scenario, events(scenario, CARD))

    assert str(PaymentMethod.objects.current()) == "Mastercard ending in 4444"


def test_a_card_taken_off_is_out_of_use_everywhere(scenario: BillingScenario) -> None:
    card, invoice = scenario.card(), scenario.invoice()
    gateway.detach_card(payment_method_id=card.stripe_payment_method_id)
    found = events(scenario, f"{CARD}detached")
    receive(scenario, [*found, {**found[0], "id": "evt_again"}])

    card.refresh_from_db()
    assert card.replaced_at == card.detached_at is not None
    assert PaymentMethod.objects.current() is None
    assert entries("card.withdrawn") == 1
    (condition,) = expiring_card(now=timezone.now())
    assert condition.title == "The card Visa ending in 4242 can no longer be charged"
    (mail,) = mails("Your Visa ending in 4242 can no longer be charged")
    assert mail.payload["to"] == [scenario.provider.contact_email]
    alert = OperationsAlert.objects.open().get(kind=CARD_WITHDRAWN)
    assert "$330.00 is due" in alert.summary
    assert charge_invoice(invoice_id=invoice.pk, now=timezone.now()) is None
    assert not ChargeAttempt.objects.exists()
    assert CARD_WITHDRAWN in broken(scenario)

    scenario.card("pm_card_mastercard")
    assert CARD_WITHDRAWN not in broken(scenario)
    assert list(expiring_card(now=timezone.now())) == []


def test_a_card_taken_off_while_nothing_is_due_alerts_only_the_provider(
    scenario: BillingScenario,
) -> None:
    card = scenario.card()
    gateway.detach_card(payment_method_id=card.stripe_payment_method_id)
    receive(scenario, events(scenario, f"{CARD}detached"))

    assert mails("Your Visa ending in 4242 can no longer be charged")
    assert not OperationsAlert.objects.filter(kind=CARD_WITHDRAWN).exists()


def test_the_event_of_our_own_detaching_changes_nothing(scenario: BillingScenario) -> None:
    old, new = scenario.card(), scenario.card("pm_card_mastercard")
    gateway.detach_card(payment_method_id=old.stripe_payment_method_id)
    receive(scenario, events(scenario, f"{CARD}detached"))

    old.refresh_from_db()
    assert old.detached_at
    assert PaymentMethod.objects.current() == new
    assert not entries("card.withdrawn")


def test_a_lost_event_of_a_card_is_made_good_by_the_reconciliation(
    scenario: BillingScenario,
) -> None:
    card = scenario.card()
    renew(scenario, card, last4="1881")
    reconcile(provider=scenario.provider, now=timezone.now())
    assert PaymentMethod.objects.current().last_four == "1881"

    gateway.detach_card(payment_method_id=card.stripe_payment_method_id)
    reconcile(provider=scenario.provider, now=timezone.now())
    assert PaymentMethod.objects.current() is None


def test_a_late_event_of_an_older_card_does_not_follow_a_withdrawn_one(
    scenario: BillingScenario,
) -> None:
    scenario.contract()
    set_up(scenario)
    newer = scenario.card("pm_card_mastercard")
    PaymentMethod.objects.update(became_default_at=timezone.now() + timedelta(seconds=5))
    gateway.detach_card(payment_method_id=newer.stripe_payment_method_id)

    found = events(scenario, f"{CARD}detached", "setup_intent.succeeded")
    receive(scenario, found[::-1])

    assert PaymentMethod.objects.current() is None
    assert PaymentMethod.objects.count() == 1


def test_a_foreign_card_is_kept_for_operations(scenario: BillingScenario) -> None:
    _, method = scenario.stripe.customer_with()
    gateway.detach_card(payment_method_id=method)
    (found,) = events(scenario, f"{CARD}detached")

    assert post(found) == 200

    assert UnmatchedEvent.objects.get().object_id == method


@pytest.mark.parametrize("backwards", [False, True])
def test_a_deleted_customer_is_forgotten_and_made_again_with_the_next_card(
    scenario: BillingScenario, backwards: bool
) -> None:
    scenario.card()
    scenario.invoice()
    deleted = scenario.customer()
    scenario.stripe.client().v1.customers.delete(deleted)
    found = events(scenario, f"{CARD}detached", CUSTOMER)
    assert len(found) == 2
    receive(scenario, found[::-1] if backwards else found)

    assert scenario.provider.stripe_customer_id is None
    assert FormerStripeCustomer.objects.get().stripe_customer_id == deleted
    assert PaymentMethod.objects.current() is None
    assert (entries("card.withdrawn"), entries("customer.deleted")) == (1, 1)
    assert len(mails("Your Visa ending in 4242 can no longer be charged")) == 1
    kinds = {CARD_WITHDRAWN, CUSTOMER_DELETED}
    opened = OperationsAlert.objects.open().filter(kind__in=kinds).values_list("kind", flat=True)
    assert set(opened) == kinds

    card = scenario.card("pm_card_mastercard")
    made = customer_of(scenario.provider)
    assert made != deleted
    assert gateway.card(payment_method_id=card.stripe_payment_method_id).customer_id == made
    assert not OperationsAlert.objects.open().filter(kind=CUSTOMER_DELETED).exists()

    receive(scenario, [{**each, "id": each["id"] + "_late"} for each in found])
    assert scenario.provider.stripe_customer_id == made
    assert PaymentMethod.objects.current() == card


def test_a_customer_that_still_exists_is_not_forgotten(scenario: BillingScenario) -> None:
    scenario.card()
    customer = scenario.customer()
    claimed = {
        "id": "evt_1",
        "type": CUSTOMER,
        "created": int(timezone.now().timestamp()),
        "data": {"object": {"id": customer}},
    }

    receive(scenario, [claimed])

    assert scenario.provider.stripe_customer_id == customer
    assert PaymentMethod.objects.current()


def test_a_charge_before_the_event_is_refused_once_and_visible(scenario: BillingScenario) -> None:
    scenario.card()
    invoice = scenario.invoice()
    scenario.stripe.client().v1.customers.delete(scenario.customer())

    first = charge_invoice(invoice_id=invoice.pk, now=timezone.now())
    again = charge_invoice(invoice_id=invoice.pk, cause="again", now=timezone.now())

    assert first is not None
    assert first == again
    assert (first.decline_code, first.retry_at) == ("resource_missing", None)
    assert OperationsAlert.objects.open().filter(kind=CHARGE_REFUSED).exists()
    receive(scenario, events(scenario, CUSTOMER))
    assert charge_invoice(invoice_id=invoice.pk, cause="later", now=timezone.now()) is None
    assert ChargeAttempt.objects.count() == 1


def test_a_payment_link_works_after_the_customer_was_deleted(scenario: BillingScenario) -> None:
    scenario.card()
    invoice = scenario.invoice()
    deleted = scenario.customer()
    scenario.stripe.client().v1.customers.delete(deleted)
    receive(scenario, events(scenario, CUSTOMER))
    reloaded = Provider.objects.get(pk=scenario.provider.pk)

    with provider_schema(reloaded):
        assert begin_on_session(invoice_id=invoice.pk, now=timezone.now()).client_secret
        assert ChargeAttempt.objects.get().stripe_customer_id not in ("", deleted)


def test_the_refund_of_a_former_customers_payment_is_booked(scenario: BillingScenario) -> None:
    scenario.card()
    invoice = scenario.invoice()
    attempt = charge_invoice(invoice_id=invoice.pk, now=timezone.now())
    assert attempt is not None
    forget_customer(provider=scenario.provider, customer_id=scenario.customer(), now=timezone.now())
    intent = attempt.stripe_payment_intent_id
    scenario.stripe.control("POST", "refunds", payment_intent=intent, amount=100)

    receive_events(scenario, "refund.created")

    with provider_schema(scenario.provider):
        assert Refund.objects.get().amount_minor == 100
        assert not UnmatchedEvent.objects.exists()
        assert WebhookEvent.objects.get().applied_at


def test_a_customer_found_deleted_when_a_card_is_entered_is_forgotten_too(
    scenario: BillingScenario,
) -> None:
    scenario.card()
    deleted = scenario.customer()
    scenario.stripe.client().v1.customers.delete(deleted)

    assert begin_card_setup(provider=scenario.provider, actor=BILL)

    assert scenario.provider.stripe_customer_id not in (None, deleted)
    assert FormerStripeCustomer.objects.get().stripe_customer_id == deleted
    assert PaymentMethod.objects.current() is None
