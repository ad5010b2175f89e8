"""Billed amounts equal paid, credited, owed and cancelled ones after any sequence of changes."""

from dataclasses import replace
from datetime import date
from types import SimpleNamespace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.providers import current_provider
from billing.corrections.bank_transfers import record_transfer
from billing.corrections.credits import credit_amount, credit_lines
from billing.corrections.line_disputes import accept_dispute, decline_dispute, open_dispute
from billing.corrections.refunds import order_refund, refundable_minor
from billing.corrections.voids_and_write_offs import void_invoice, write_off
from billing.invoicing.small_balances import carry, locked_small_balances
from billing.models import Chargeback, Invoice, LineDispute, Payment, Refund
from billing.models.invoice_amounts import Amounts
from billing.pages.payment_history import invoices_of_status
from billing.payments.balance_lock import CorrectionRefused
from billing.payments.charging import charge_invoice
from core.outbox.delivery import deliver_due
from tests.billing.conftest import BILL, BillingScenario
from tests.billing.corrections.conftest import LATER, STAFF, with_lines

minors = st.integers(0, 50_000)
BY = {"reason": "Whatever", "actor": STAFF, "now": LATER}


def adds_up(amounts):
    return amounts.billed_minor + amounts.carried_in_minor + amounts.overpaid_minor == (
        amounts.paid_minor
        + amounts.credited_minor
        + amounts.carried_out_minor
        + amounts.owed_minor
        + amounts.cancelled_minor
    )


@given(
    amounts=st.builds(
        Amounts,
        billed_minor=st.integers(50_000, 60_000),
        credited_minor=minors,
        paid_minor=st.integers(0, 70_000),
        disputed_minor=minors,
        is_void=st.booleans(),
        is_written_off=st.booleans(),
    ),
    carried=st.sampled_from([(0, 0), (49, 0), (0, 49), (49, 49)]),
)
def test_amounts_add_up(amounts, carried):
    if not amounts.is_void:
        amounts = replace(amounts, carried_in_minor=carried[0], carried_out_minor=carried[1])
    assert adds_up(amounts)
    payable = amounts.billed_minor + amounts.carried_in_minor
    assert 0 <= amounts.due_minor <= amounts.owed_minor <= payable
    assert min(amounts.overpaid_minor, amounts.cancelled_minor, amounts.unpaid_minor) >= 0


def invoices_with_status(invoice):
    """The statuses by which the Payment History lists the invoice."""
    return [
        status
        for status in Invoice.Status
        if invoices_of_status(status).filter(pk=invoice.pk).exists()
    ]


def charge(invoice, amount):
    charge_invoice(invoice_id=invoice.pk, now=LATER, cause=f"retry:{amount}")


def transfer(invoice, amount):
    record_transfer(
        invoice_id=invoice.pk,
        amount_minor=amount,
        received_on=date(2026, 11, 2),
        reference=f"S{invoice.payments.count()}",
        actor=STAFF,
        now=LATER,
    )


def credit(invoice, amount):
    credit_amount(invoice_id=invoice.pk, total_minor=amount, **BY)


def credit_a_line(invoice, amount):
    line = invoice.lines.get(position=1 + amount % 3)
    credit_lines(invoice_id=invoice.pk, line_ids=[line.pk], **BY)


def refund(invoice, amount):
    for payment in invoice.payments.all():
        minor = min(amount, refundable_minor(payment))
        order_refund(payment=payment, amount_minor=minor, **BY)


def void(invoice, _amount):
    void_invoice(invoice_id=invoice.pk, **BY)


def give_up(invoice, _amount):
    write_off(invoice_id=invoice.pk, **BY)


def dispute(invoice, amount):
    line = invoice.lines.get(position=1 + amount % 3)
    open_dispute(line=line, reason="Why?", actor=BILL, now=LATER)


def answer(invoice, amount):
    answered = accept_dispute if amount % 2 else decline_dispute
    for opened in invoice.disputes.filter(state=LineDispute.State.OPEN)[:1]:
        answered(dispute_id=opened.pk, answer="So", actor=STAFF, now=LATER)


def leave_cents(invoice, amount):
    """A transfer that is a few cents short."""
    transfer(invoice, invoice.amounts.unpaid_minor - 1 - amount % 49)


def carry_to_the_next(invoice, _amount):
    balances = [each for each in locked_small_balances() if each.invoice.pk == invoice.pk]
    if balances:
        later = BillingScenario.invoice(
            SimpleNamespace(provider=current_provider()),
            month=date(1900 + invoice.pk % 90, 1, 1),
            carried_in_minor=balances[0].due_minor,
        )
        carry(balances, to=later, now=LATER)
        assert adds_up(later.amounts)


def void_the_next(invoice, _amount):
    for carried in invoice.carried_to.filter(to_invoice__voided_at=None):
        void(carried.to_invoice, 0)


CARRIES = (leave_cents, carry_to_the_next, void_the_next)
ACTS = (charge, transfer, credit, credit_a_line, refund, dispute, answer, *CARRIES)
ENDS = (void, give_up)


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    acts=st.lists(
        st.tuples(st.sampled_from((*ACTS, *ACTS, *ENDS)), st.integers(1, 20_000)), max_size=8
    )
)
def test_amounts_add_up_after_any_sequence_of_changes(scenario, acts):
    if not scenario.provider.stripe_customer_id:
        scenario.card()
    number = Invoice.objects.count()
    invoice = with_lines(
        scenario,
        7_001,
        333,
        12_000,
        tax_minor=1_237,
        month=date(2000 + number // 12, 1 + number % 12, 1),
    )
    refunded_before = scenario.stripe.charges(customer=scenario.customer())["amount_refunded"]
    charged_before = scenario.stripe.charges(customer=scenario.customer())["amount_charged"]
    for act, amount in acts:
        try:
            act(invoice, amount)
        except CorrectionRefused:
            continue
        finally:
            invoice = Invoice.objects.get(pk=invoice.pk)
            assert adds_up(invoice.amounts)
            assert invoice.amounts == Invoice.objects.with_paid().get(pk=invoice.pk).amounts
            assert invoice.amounts.credited_minor <= invoice.total_minor
            assert invoice.amounts.overpaid_minor == 0
            assert invoices_with_status(invoice) == [invoice.status]
            assert invoice.amounts.paid_minor >= 0
        deliver_due(now=LATER, schema=scenario.provider.schema_name)
    totals = scenario.stripe.charges(customer=scenario.customer())
    received = sum(
        payment.amount_minor - sum(refund.amount_minor for refund in payment.refunds.all())
        for payment in invoice.payments.filter(method="card")
    )
    moved = totals["amount_charged"] - charged_before, totals["amount_refunded"] - refunded_before
    assert moved[0] - moved[1] == received


def test_failed_refunds_and_chargebacks_that_are_not_lost_take_nothing_back(
    scenario: BillingScenario, paid: Invoice
) -> None:
    invoice = with_lines(scenario, 30_000, 20_000, month=date(2026, 9, 1))
    other = paid.payments.get()
    payment = Payment.objects.create(
        invoice=invoice,
        method=Payment.Method.BANK_TRANSFER,
        amount_minor=40_000,
        currency="USD",
        received_at=LATER,
    )
    for number, state in enumerate(Refund.State):
        Refund.objects.create(
            payment=payment,
            state=state,
            amount_minor=100 + number,
            currency="USD",
            idempotency_key=f"r{number}",
            ordered_at=LATER,
            finished_at=None if state == "pending" else LATER,
        )
    for number, state in enumerate(Chargeback.State):
        for of, each in (("a", payment), ("b", other)):
            Chargeback.objects.create(
                payment=each,
                stripe_dispute_id=f"{of}{number}",
                state=state,
                amount_minor=1_000 + number,
                currency="USD",
                opened_at=LATER,
                closed_at=None if state == "open" else LATER,
            )
    dispute(invoice, 0)
    credit(invoice, 700)
    assert [str(state) for state in Refund.State] == ["pending", "succeeded", "failed"]
    assert [str(state) for state in Chargeback.State] == ["open", "won", "lost"]
    amounts = Invoice.objects.get(pk=invoice.pk).amounts
    assert amounts.paid_minor == 40_000 - 100 - 101 - 1_002
    assert (amounts.credited_minor, amounts.disputed_minor) == (700, 30_000)
    assert amounts == Invoice.objects.with_paid().get(pk=invoice.pk).amounts
    assert Invoice.objects.get(pk=paid.pk).amounts.paid_minor == 33_000 - 1_002
