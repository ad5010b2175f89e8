"""Credit notes: never above the invoice, numbered without gaps, refunded if paid."""

from datetime import timedelta

import pytest
from django.db import transaction

from billing.corrections.credits import credit_amount, credit_lines
from billing.models import ChargeAttempt, CreditNote, NumberSequence, Refund
from billing.payments.balance_lock import ChargeIsRunning, CorrectionRefused, invoice_token
from billing.payments.charging import charge_invoice
from billing.seen import ChangedSince
from core.outbox.models import OutboxMessage
from tenants.models import AuditEntry
from tests.billing.corrections.conftest import LATER, STAFF, pay, with_lines
from tests.billing.payments.test_charging import set_card_answer
from tests.billing.payments.test_payment_links import holder_confirms


def credit(invoice, total_minor, **more):
    return credit_amount(
        invoice_id=invoice.pk,
        total_minor=total_minor,
        **{"reason": "Agreed by phone", "actor": STAFF, "now": LATER, **more},
    )


def credit_of(invoice, *positions, **more):
    lines = invoice.lines.filter(position__in=positions).values_list("pk", flat=True)
    return credit_lines(
        invoice_id=invoice.pk,
        line_ids=list(lines),
        **{"reason": "Never used", "actor": STAFF, "now": LATER, **more},
    )


def test_a_credit_lowers_what_is_owed_and_says_who(scenario):
    invoice = scenario.invoice()

    note = credit(invoice, 3_000)

    assert (invoice.owed_minor, invoice.status) == (30_000, "open")
    assert (note.total_minor, note.issued_by_name) == (3_000, STAFF.name)
    assert note.buyer == invoice.buyer
    entry = AuditEntry.objects.get(action="credit_note.issued")
    assert (entry.subject, entry.actor_name) == (note.number, STAFF.name)
    assert entry.after["invoice"] == invoice.number


def test_a_credit_leaves_the_invoice_unchanged(scenario):
    invoice = with_lines(scenario, 20_000, 10_000, tax_minor=6_000)
    before = type(invoice).objects.filter(pk=invoice.pk).values().get()

    credit_of(invoice, 2)

    assert type(invoice).objects.filter(pk=invoice.pk).values().get() == before


def test_chosen_lines_are_credited_with_their_tax(scenario):
    invoice = with_lines(scenario, 20_000, 10_000, tax_minor=6_000)

    note = credit_of(invoice, 2)

    assert (note.subtotal_minor, note.tax_minor, note.total_minor) == (10_000, 2_000, 12_000)
    (line,) = note.lines.all()
    assert (line.invoice_line.position, line.amount_minor) == (2, 10_000)
    with pytest.raises(CorrectionRefused, match="Nothing is left"):
        credit_of(invoice, 2)


def test_a_line_of_another_invoice_is_refused(scenario):
    invoice, other = with_lines(scenario, 5_000), with_lines(scenario, 5_000, month="2026-09-01")

    with pytest.raises(CorrectionRefused, match="lines of this invoice"):
        credit_lines(
            invoice_id=invoice.pk,
            line_ids=[other.lines.get().pk],
            reason="Mine",
            actor=STAFF,
            now=LATER,
        )


def test_credited_lines_and_amounts_never_exceed_the_invoice(scenario):
    invoice = with_lines(scenario, 20_000, 10_000, tax_minor=6_000)
    credit(invoice, 30_000)

    note = credit_of(invoice, 1)

    assert note.total_minor == 6_000
    assert invoice.amounts.creditable_minor == 0
    with pytest.raises(CorrectionRefused, match=r"No more than \$0.00"):
        credit(invoice, 1)


def test_a_credit_above_the_invoice_is_refused(scenario):
    invoice = scenario.invoice()

    with pytest.raises(CorrectionRefused, match=r"No more than \$330.00") as refused:
        credit(invoice, 33_001)

    assert refused.value.field == "amount"
    assert not CreditNote.objects.exists()


@pytest.mark.parametrize(("amount", "reason"), [(0, "Goodwill"), (-5, "Goodwill"), (100, "  ")])
def test_a_credit_without_amount_or_reason_is_refused(scenario, amount, reason):
    with pytest.raises(CorrectionRefused):
        credit(scenario.invoice(), amount, reason=reason)


def test_numbers_have_no_gap_after_a_failed_credit(scenario):
    invoice = scenario.invoice()
    prefix = scenario.provider.invoice_prefix
    credit(invoice, 100)
    with transaction.atomic():
        assert credit(invoice, 100).number.endswith("000002")
        transaction.set_rollback(True)

    credit(invoice, 100)

    numbers = list(CreditNote.objects.order_by("pk").values_list("number", flat=True))
    assert numbers == [f"{prefix}-CN-000001", f"{prefix}-CN-000002"]
    assert NumberSequence.objects.get(name="credit_note").last_number == 2


def test_a_credit_of_a_paid_invoice_is_refunded(scenario, paid):
    note = credit(paid, 5_000)

    refund = Refund.objects.get()
    assert (refund.amount_minor, refund.credit_note) == (5_000, note)
    assert paid.amounts.overpaid_minor == 0
    assert CreditNote.objects.count() == 1, "a refund of a credit is credited once"


def test_only_the_overpaid_part_of_an_invoice_is_refunded(scenario):
    invoice = scenario.invoice()
    invoice.payments.create(
        method="bank_transfer", amount_minor=20_000, currency="USD", received_at=LATER
    )

    credit(invoice, 15_000)

    assert Refund.objects.get().amount_minor == 2_000
    assert (invoice.owed_minor, invoice.amounts.overpaid_minor) == (0, 0)


def test_the_newest_payments_are_refunded_first(scenario):
    invoice = scenario.invoice()
    for day, amount in enumerate((20_000, 13_000)):
        invoice.payments.create(
            method="bank_transfer",
            amount_minor=amount,
            currency="USD",
            received_at=LATER + timedelta(days=day),
        )

    credit(invoice, 15_000)

    refunds = Refund.objects.order_by("pk").values_list("payment__amount_minor", "amount_minor")
    assert list(refunds) == [(13_000, 13_000), (20_000, 2_000)]


def test_a_correction_on_outdated_amounts_is_refused(scenario):
    invoice = scenario.invoice()
    seen = invoice_token(invoice)
    credit(invoice, 100, seen=seen)

    with pytest.raises(ChangedSince, match="changed since"):
        credit(invoice, 100, seen=seen)

    assert CreditNote.objects.count() == 1


def test_a_credit_of_a_void_invoice_is_refused(scenario):
    invoice = scenario.invoice(voided_at=LATER)

    with pytest.raises(CorrectionRefused, match="void"):
        credit(invoice, 100)


@pytest.mark.parametrize("kind", ["timeout", "commit_then_timeout"])
def test_a_credit_is_refused_while_a_charge_runs(scenario, kind):
    scenario.card()
    invoice = scenario.invoice()
    scenario.stripe.fault(kind, path="/v1/payment_intents")
    assert charge_invoice(invoice_id=invoice.pk, now=LATER).state == "unknown"

    with pytest.raises(ChargeIsRunning):
        credit(invoice, 100)

    assert not CreditNote.objects.exists()
    charge_invoice(invoice_id=invoice.pk, now=LATER + timedelta(minutes=1))
    assert credit(invoice, 100).total_minor == 100
    assert (invoice.amounts.paid_minor, invoice.amounts.overpaid_minor) == (32_900, 0)


def test_an_attempt_that_waits_for_its_holder_is_replaced(scenario):
    scenario.card()
    set_card_answer(scenario, "authentication_required")
    invoice = scenario.invoice()
    attempt = charge_invoice(invoice_id=invoice.pk, now=LATER)
    assert attempt.state == "needs_confirmation"

    credit(invoice, 3_000)

    attempt.refresh_from_db()
    assert (attempt.state, attempt.decline_code) == ("failed", "withdrawn")
    message = OutboxMessage.objects.get(topic="billing.charge", key=f"again:{attempt.pk}")
    again = charge_invoice(now=LATER, **message.payload)
    assert again.amount_minor == 30_000


def test_a_payment_during_the_withdrawal_is_refunded(scenario):
    scenario.card()
    set_card_answer(scenario, "authentication_required")
    invoice = scenario.invoice()
    attempt = charge_invoice(invoice_id=invoice.pk, now=LATER)
    holder_confirms(scenario, attempt)

    credit(invoice, 3_000)

    attempt.refresh_from_db()
    assert attempt.state == ChargeAttempt.State.SUCCEEDED
    assert Refund.objects.get().amount_minor == 3_000
    assert (invoice.owed_minor, invoice.amounts.overpaid_minor) == (0, 0)


def test_a_failed_refund_is_ordered_again_without_another_note(scenario, paid):
    credit(paid, 5_000)
    Refund.objects.update(state="failed", finished_at=LATER)
    assert paid.amounts.overpaid_minor == 5_000

    pay_back = credit(paid, 1_000)

    assert paid.amounts.overpaid_minor == 0, "the next note refunds the whole overpaid amount"
    assert pay_back.refunds.get().amount_minor == 6_000
    assert pay(scenario, scenario.invoice(month="2026-09-01")).amounts.overpaid_minor == 0
