"""A payment that Stripe has and no booking names: one alert, settled by each of its next steps."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.choices import InvoiceKind
from billing.corrections.bank_transfers import record_transfer
from billing.models import Payment, PaymentDifference, UnassignedPayment
from billing.outbox_handlers import charge
from billing.payments.unassigned import UNASSIGNED
from billing.promises.payments import records_agree
from billing.reconciliation.after_restore import reconcile_after_restore
from billing.reconciliation.payments import LOOK_BACK, reconcile
from core.operations.models import OperationsAlert
from tests.billing.conftest import BILL

LOST = "LOST-000009"


@pytest.fixture
def now():
    """The stand-in's payments are made by the real clock."""
    return timezone.now()


def paid_at_stripe(scenario, *, amount=33_000, attempt="", kind=InvoiceKind.USAGE):
    """A payment with the metadata of one of our attempts, or of the dashboard; returns its id."""
    card = scenario.card()
    metadata = {
        "provider": str(scenario.provider.provider_id),
        "attempt": attempt,
        "invoice": LOST,
        "month": "2026-10-01",
        "kind": kind,
    }
    intent = scenario.stripe.client().v1.payment_intents.create(
        {
            "amount": amount,
            "currency": "usd",
            "customer": scenario.customer(),
            "payment_method": card.stripe_payment_method_id,
            "confirm": True,
            "off_session": True,
            "metadata": metadata if attempt else {},
        }
    )
    return str(intent["id"])


def refund(scenario, intent, amount):
    scenario.stripe.client().v1.refunds.create({"payment_intent": intent, "amount": amount})


def restored(scenario, now):
    return reconcile_after_restore(provider=scenario.provider, taken_at=now, now=now)


def waits():
    return OperationsAlert.objects.open().filter(kind=UNASSIGNED).exists()


def differences():
    open_ones = PaymentDifference.objects.filter(settled_at=None).order_by("pk")
    return [(row.kind, row.stripe_minor, row.recorded_minor) for row in open_ones]


def compare(scenario, now):
    reconcile(provider=scenario.provider, now=now)
    return differences()


def transfer(invoice, amount, reference, now):
    record_transfer(
        invoice_id=invoice.pk,
        amount_minor=amount,
        received_on=now.date(),
        reference=reference,
        actor=BILL,
        now=now,
    )


NOT_BOOKED = [("not_booked", 33_000, None)]


def test_the_payment_of_a_lost_invoice_is_one_alert_until_the_next_close_uses_it(scenario, now):
    paid_at_stripe(scenario, attempt="charge-lost")

    assert restored(scenario, now).counts["differences"] == 0
    assert compare(scenario, now) == []
    assert waits()

    invoice = scenario.invoice()
    charge({"invoice_id": invoice.pk}, now)

    assert (invoice.amounts.owed_minor, waits()) == (0, False)
    assert compare(scenario, now) == []
    assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 1


def test_one_that_is_refunded_is_settled_and_pays_no_later_invoice(scenario, now):
    intent = paid_at_stripe(scenario, attempt="charge-lost")
    restored(scenario, now)
    refund(scenario, intent, 13_000)
    assert compare(scenario, now) == []
    assert waits()
    refund(scenario, intent, 20_000)

    assert compare(scenario, now) == []

    assert not waits()
    invoice = scenario.invoice()
    charge({"invoice_id": invoice.pk}, now)
    payment = Payment.objects.get()
    assert payment.stripe_payment_intent_id != intent
    assert (invoice.amounts.owed_minor, UnassignedPayment.objects.get().invoice) == (0, None)


def test_one_that_is_recorded_by_hand_is_settled_and_pays_no_later_invoice(scenario, now):
    intent = paid_at_stripe(scenario, attempt="charge-lost")
    restored(scenario, now)
    transfer(scenario.invoice(month="2026-09-01"), 33_000, intent, now)
    invoice = scenario.invoice()
    charge({"invoice_id": invoice.pk}, now)
    assert invoice.payments.get().stripe_payment_intent_id != intent

    assert compare(scenario, now) == []

    assert not waits()


def test_an_alert_that_was_settled_by_hand_without_its_step_is_a_difference(scenario, now):
    intent = paid_at_stripe(scenario, attempt="charge-lost")
    restored(scenario, now)
    OperationsAlert.objects.get(kind=UNASSIGNED).settle_by_hand(by="Olga", note="Done?", now=now)

    assert compare(scenario, now) == NOT_BOOKED

    (cause,) = records_agree(now=now)
    assert f"with {intent} as the reference" in cause.next_step


def test_an_order_takes_one_payment_of_its_amount(scenario, now):
    for number, amount in enumerate((20_000, 10_000, 10_000)):
        paid_at_stripe(scenario, amount=amount, attempt=f"order-{number}", kind=InvoiceKind.ORDER)
    restored(scenario, now)
    orders = [scenario.invoice(total_minor=10_000, kind=InvoiceKind.ORDER) for _ in range(2)]

    for order in orders:
        charge({"invoice_id": order.pk}, now)

    assert [order.amounts.paid_minor for order in orders] == [10_000, 10_000]
    assert UnassignedPayment.objects.get(invoice=None).amount_minor == 20_000
    assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 3


@pytest.mark.parametrize("days", [0, LOOK_BACK.days + 1])
def test_a_dashboard_payment_recorded_with_its_id_is_settled_however_late(scenario, now, days):
    intent = paid_at_stripe(scenario)
    assert compare(scenario, now) == NOT_BOOKED
    later = now + timedelta(days=days)
    assert compare(scenario, later) == NOT_BOOKED
    first, second = (scenario.invoice(month=month) for month in ("2026-08-01", "2026-09-01"))
    transfer(first, 13_000, "another one", later)
    transfer(second, 20_000, f"Stripe {intent}", later)
    assert compare(scenario, later) == NOT_BOOKED
    transfer(first, 13_000, intent, later)

    assert compare(scenario, later) == []


def test_one_that_is_recorded_twice_is_not_settled(scenario, now):
    intent = paid_at_stripe(scenario)
    for month in ("2026-08-01", "2026-09-01"):
        transfer(scenario.invoice(month=month), 33_000, intent, now)

    assert compare(scenario, now) == NOT_BOOKED


@pytest.mark.parametrize("days", [0, LOOK_BACK.days + 1])
def test_a_dashboard_payment_that_is_refunded_is_settled_however_late(scenario, now, days):
    intent = paid_at_stripe(scenario)
    assert compare(scenario, now) == NOT_BOOKED
    refund(scenario, intent, 32_999)
    later = now + timedelta(days=days)
    assert compare(scenario, later) == NOT_BOOKED
    refund(scenario, intent, 1)

    assert compare(scenario, later) == []


def test_a_difference_of_a_booked_payment_is_settled_however_late(scenario, now):
    scenario.card()
    charge({"invoice_id": scenario.invoice().pk}, now)
    Payment.objects.update(amount_minor=30_000)
    amount = [("amount", 33_000, 30_000)]
    assert compare(scenario, now) == amount
    later = now + LOOK_BACK + timedelta(days=1)
    assert compare(scenario, later) == amount
    Payment.objects.update(amount_minor=33_000)

    assert compare(scenario, later) == []


def test_a_dashboard_payment_that_its_bank_took_back_is_settled(scenario, now):
    intent = paid_at_stripe(scenario)
    dispute = scenario.stripe.control("POST", "disputes", payment_intent=intent)["id"]
    assert compare(scenario, now) == NOT_BOOKED
    scenario.stripe.control("POST", "disputes/close", dispute=dispute, outcome="lost")

    assert compare(scenario, now) == []
