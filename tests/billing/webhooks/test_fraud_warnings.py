"""Early fraud warnings: an alert until the payment is refunded or contested."""

import pytest
from django.utils import timezone

from billing.charge_alerts import FRAUD_WARNING
from billing.corrections.failed_refunds import REFUND_FAILED
from billing.models import ChargeAttempt, Invoice, Payment
from billing.payments.charging import charge_invoice
from core.operations.models import OperationsAlert, UnmatchedEvent
from core.schema import provider_schema
from tests.billing.conftest import BillingScenario
from tests.billing.payments.test_chargebacks import receive_events

WARNING = "radar.early_fraud_warning"


@pytest.fixture
def paid(scenario: BillingScenario) -> Invoice:
    """An invoice that the card paid."""
    scenario.card()
    invoice = scenario.invoice()
    charge_invoice(invoice_id=invoice.pk, now=timezone.now())
    return invoice


def at_stripe(scenario: BillingScenario, name: str, **order: object) -> str:
    with provider_schema(scenario.provider):
        intent = ChargeAttempt.objects.latest("pk").stripe_payment_intent_id
    made = scenario.stripe.control("POST", name, payment_intent=intent, **order)
    return str(made["id"])


def is_open(scenario: BillingScenario) -> bool:
    schema = scenario.provider.schema_name
    alerts = OperationsAlert.objects.open().filter(schema_name=schema, kind=FRAUD_WARNING)
    return alerts.exists()


def test_a_warning_alerts_operations_with_the_way_to_refund(
    scenario: BillingScenario, paid: Invoice
) -> None:
    at_stripe(scenario, "fraud_warnings")
    receive_events(scenario, WARNING)

    alert = OperationsAlert.objects.open().get(kind=FRAUD_WARNING)
    assert "$330.00" in alert.summary
    assert "made with stolen card" in alert.summary
    assert "refund it" in alert.next_step
    with provider_schema(scenario.provider):
        assert alert.link == f"/operations/billing/payment/{paid.payments.get().pk}/change/"


@pytest.mark.parametrize("kind", ["refunds", "disputes"])
@pytest.mark.parametrize("is_warned_first", [True, False])
def test_a_full_refund_or_a_dispute_settles_it_in_either_order(
    scenario: BillingScenario, paid: Invoice, kind: str, is_warned_first: bool
) -> None:
    at_stripe(scenario, "fraud_warnings")
    if is_warned_first:
        receive_events(scenario, WARNING)
        assert is_open(scenario)
    at_stripe(scenario, kind)
    receive_events(scenario, "refund.created", "charge.dispute.created")
    receive_events(scenario, WARNING)

    assert not is_open(scenario)


def test_a_partial_refund_leaves_it_open(scenario: BillingScenario, paid: Invoice) -> None:
    at_stripe(scenario, "fraud_warnings")
    receive_events(scenario, WARNING)
    at_stripe(scenario, "refunds", amount=100)
    receive_events(scenario, "refund.created")

    assert is_open(scenario)


@pytest.mark.parametrize("name", ["charge.refund.updated", "refund.failed"])
def test_a_refund_that_the_bank_returns_is_an_alert_under_either_name(
    scenario: BillingScenario, paid: Invoice, name: str
) -> None:
    at_stripe(scenario, "fraud_warnings")
    refund = at_stripe(scenario, "refunds")
    receive_events(scenario, WARNING, "refund.created")
    scenario.stripe.control("POST", "refunds/fail", refund=refund)
    receive_events(scenario, name)

    with provider_schema(scenario.provider):
        assert paid.amounts.overpaid_minor == 33_000
    assert OperationsAlert.objects.open().filter(kind=REFUND_FAILED).exists()


def test_a_warning_before_its_payments_event_records_both(scenario: BillingScenario) -> None:
    scenario.card()
    invoice = scenario.invoice()
    scenario.stripe.fault("commit_then_timeout", path="/v1/payment_intents")
    charge_invoice(invoice_id=invoice.pk, now=timezone.now())
    (intent,) = scenario.stripe.client().v1.payment_intents.list().data
    scenario.stripe.control("POST", "fraud_warnings", payment_intent=intent.id)

    receive_events(scenario, WARNING)

    with provider_schema(scenario.provider):
        assert Payment.objects.get().amount_minor == 33_000
    assert is_open(scenario)


def test_a_warning_about_a_foreign_payment_is_kept_for_operations(
    scenario: BillingScenario,
) -> None:
    customer, method = scenario.stripe.customer_with()
    intent = scenario.stripe.client().v1.payment_intents.create(
        {
            "amount": 900,
            "currency": "usd",
            "customer": customer,
            "payment_method": method,
            "confirm": True,
            "off_session": True,
        }
    )
    made = scenario.stripe.control("POST", "fraud_warnings", payment_intent=intent.id)

    receive_events(scenario, WARNING)

    assert UnmatchedEvent.objects.get().object_id == made["id"]
    assert not is_open(scenario)
