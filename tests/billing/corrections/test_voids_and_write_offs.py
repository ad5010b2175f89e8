"""Voids and write-offs: their conditions and their log entries."""

import pytest

from billing.corrections.credits import credit_amount
from billing.corrections.refunds import order_refund
from billing.corrections.voids_and_write_offs import void_invoice, write_off
from billing.models import Invoice
from billing.payments.balance_lock import CorrectionRefused
from billing.payments.charging import charge_invoice
from tenants.models import AuditEntry
from tests.billing.corrections.conftest import LATER, STAFF, payment_of

ACTS = {"void": void_invoice, "write-off": write_off}


@pytest.fixture(params=ACTS)
def drop(request):
    def act(invoice, reason="Billed twice"):
        return ACTS[request.param](invoice_id=invoice.pk, reason=reason, actor=STAFF, now=LATER)

    return act


def test_a_cancelled_invoice_is_not_owed_and_its_reason_is_logged(scenario, drop):
    invoice = scenario.invoice()

    dropped = drop(invoice)

    assert (dropped.owed_minor, dropped.amounts.cancelled_minor) == (0, 33_000)
    assert not Invoice.objects.outstanding().exists()
    entry = AuditEntry.objects.get(subject=invoice.number)
    assert (entry.actor_name, entry.after["reason"]) == (STAFF.name, "Billed twice")
    assert entry.before["owed"] == "$330.00"


def test_a_second_cancellation_or_a_missing_reason_is_refused(scenario, drop):
    invoice = scenario.invoice()
    with pytest.raises(CorrectionRefused, match="reason"):
        drop(invoice, "  ")
    drop(invoice)
    with pytest.raises(CorrectionRefused, match="already"):
        drop(invoice)


def test_a_cancelled_invoice_is_not_charged(scenario, drop):
    scenario.card()
    invoice = scenario.invoice()
    drop(invoice)

    assert charge_invoice(invoice_id=invoice.pk, now=LATER) is None
    assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 0


def test_a_paid_invoice_is_voided_only_after_its_refund(scenario, paid):
    with pytest.raises(CorrectionRefused, match=r"\$330.00 is paid .* Refund it first"):
        void_invoice(invoice_id=paid.pk, reason="Wrong buyer", actor=STAFF, now=LATER)

    order_refund(
        payment=payment_of(paid), amount_minor=33_000, reason="Void", actor=STAFF, now=LATER
    )
    void_invoice(invoice_id=paid.pk, reason="Wrong buyer", actor=STAFF, now=LATER)

    paid.refresh_from_db()
    assert paid.status == "void"


def test_a_partly_paid_invoice_is_written_off_for_the_rest(scenario):
    invoice = scenario.invoice()
    invoice.payments.create(
        method="bank_transfer", amount_minor=30_000, currency="USD", received_at=LATER
    )

    write_off(invoice_id=invoice.pk, reason="Insolvent", actor=STAFF, now=LATER)

    invoice.refresh_from_db()
    assert (invoice.status, invoice.amounts.cancelled_minor) == ("uncollectible", 3_000)


def test_an_invoice_without_a_balance_is_not_written_off(scenario):
    invoice = scenario.invoice()
    credit_amount(
        invoice_id=invoice.pk, total_minor=33_000, reason="Goodwill", actor=STAFF, now=LATER
    )

    with pytest.raises(CorrectionRefused, match="Nothing is owed"):
        write_off(invoice_id=invoice.pk, reason="Insolvent", actor=STAFF, now=LATER)
