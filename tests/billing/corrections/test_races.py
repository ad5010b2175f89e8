"""Concurrent corrections: the second one sees the result of the first."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

from django.db import connection

from billing.corrections.bank_transfers import record_transfer
from billing.corrections.credits import credit_amount
from billing.corrections.refunds import order_refund
from billing.corrections.voids_and_write_offs import void_invoice
from billing.gateway import client as gateway
from billing.models import ChargeAttempt, CreditNote, Invoice
from billing.payments.balance_lock import CorrectionRefused
from billing.payments.charging import charge_invoice
from core.outbox.delivery import deliver_due
from core.schema import provider_schema
from tests.billing.corrections.conftest import LATER, STAFF, pay, payment_of

ROUNDS = 4


def at_once(scenario, *acts: Callable[[], object]) -> list[object]:
    """Run the functions concurrently; return the result or refusal of each."""
    barrier = Barrier(len(acts))

    def run(act: Callable[[], object]) -> object:
        try:
            with provider_schema(scenario.provider):
                barrier.wait(timeout=20)
                return act()
        except CorrectionRefused as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as people:
        return list(people.map(run, acts))


def refused(outcomes):
    return [outcome for outcome in outcomes if isinstance(outcome, CorrectionRefused)]


def test_concurrent_refunds_never_exceed_the_payment(committed_scenario):
    scenario = committed_scenario
    invoice = pay(scenario, scenario.invoice())
    payment = payment_of(invoice)

    def refund():
        return order_refund(
            payment=payment, amount_minor=20_000, reason="Agreed", actor=STAFF, now=LATER
        )

    outcomes = at_once(scenario, refund, refund)
    deliver_due(now=LATER, schema=scenario.provider.schema_name)

    assert len(refused(outcomes)) == 1
    assert scenario.stripe.charges(customer=scenario.customer())["amount_refunded"] == 20_000
    assert (invoice.amounts.paid_minor, invoice.amounts.credited_minor) == (13_000, 20_000)


def test_concurrent_credit_notes_never_exceed_the_invoice(committed_scenario):
    scenario = committed_scenario
    invoice = scenario.invoice()

    def credit():
        return credit_amount(
            invoice_id=invoice.pk, total_minor=20_000, reason="Goodwill", actor=STAFF, now=LATER
        )

    outcomes = at_once(scenario, credit, credit, credit)

    assert len(refused(outcomes)) == 2
    assert CreditNote.objects.get().number.endswith("-CN-000001")


def test_a_transfer_and_a_charge_never_both_pay(committed_scenario):
    scenario = committed_scenario
    scenario.card()
    for month in range(1, ROUNDS + 1):
        invoice = scenario.invoice(month=date(2026, month, 1))

        def charge(pk=invoice.pk):
            return charge_invoice(invoice_id=pk, now=LATER)

        def transfer(pk=invoice.pk):
            return record_transfer(
                invoice_id=pk,
                amount_minor=33_000,
                received_on=date(2026, 11, 2),
                reference="Statement 12",
                actor=STAFF,
                now=LATER,
            )

        at_once(scenario, charge, transfer)

        amounts = Invoice.objects.get(pk=invoice.pk).amounts
        assert (amounts.paid_minor, amounts.overpaid_minor) == (33_000, 0)


def test_a_voided_invoice_is_never_paid(committed_scenario):
    scenario = committed_scenario
    scenario.card()
    for month in range(1, ROUNDS + 1):
        invoice = scenario.invoice(month=date(2026, month, 1))

        def charge(pk=invoice.pk):
            return charge_invoice(invoice_id=pk, now=LATER)

        def void(pk=invoice.pk):
            return void_invoice(invoice_id=pk, reason="Wrong", actor=STAFF, now=LATER)

        outcomes = at_once(scenario, charge, void)

        current = Invoice.objects.get(pk=invoice.pk)
        assert (current.status == "paid") == bool(refused(outcomes))
        assert (current.status == "void") == (current.paid_minor == 0)


def test_a_credit_is_refused_while_stripe_charges(committed_scenario, monkeypatch):
    """The attempt is committed and its request is sent: nothing may lower the amount now."""
    scenario = committed_scenario
    scenario.card()
    invoice = scenario.invoice()
    real_charge = gateway.charge
    seen: list[object] = []

    def charge(request):
        try:
            credit_amount(
                invoice_id=invoice.pk, total_minor=100, reason="Late", actor=STAFF, now=LATER
            )
        except CorrectionRefused as refusal:
            seen.append(refusal)
        return real_charge(request)

    monkeypatch.setattr(gateway, "charge", charge)
    attempt = charge_invoice(invoice_id=invoice.pk, now=LATER)

    assert attempt.state == ChargeAttempt.State.SUCCEEDED
    assert len(seen) == 1
    assert invoice.amounts.overpaid_minor == 0
