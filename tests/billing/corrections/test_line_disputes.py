"""Line disputes: not charged until operations answer, then credited or due again."""

import pytest

from billing.corrections.credits import credit_lines
from billing.corrections.line_disputes import accept_dispute, decline_dispute, open_dispute
from billing.corrections.voids_and_write_offs import void_invoice
from billing.models import CreditNote, LineDispute, Refund
from billing.payments.balance_lock import CorrectionRefused
from billing.payments.charging import charge_invoice
from billing.payments.on_session import NothingToPay, begin_on_session
from core.outbox.models import OutboxMessage
from tenants.models import AuditEntry
from tests.billing.conftest import BILL
from tests.billing.corrections.conftest import LATER, STAFF, pay, with_lines


@pytest.fixture
def invoice(scenario):
    """Two lines, 200 and 100 dollars, and 60 of tax."""
    return with_lines(scenario, 20_000, 10_000, tax_minor=6_000)


def dispute(invoice, position=2, reason="They left in September"):
    line = invoice.lines.get(position=position)
    return open_dispute(line=line, reason=reason, actor=BILL, now=LATER)


def accept(opened, answer="You are right"):
    return accept_dispute(dispute_id=opened.pk, answer=answer, actor=STAFF, now=LATER)


def decline(opened, answer="They were there"):
    return decline_dispute(dispute_id=opened.pk, answer=answer, actor=STAFF, now=LATER)


def mails(template):
    return OutboxMessage.objects.filter(topic="mail.send", key__startswith=f"{template}:")


def test_a_dispute_is_mailed_to_operations(scenario, invoice, settings):
    opened = dispute(invoice)

    assert opened.amount_minor == 12_000, "with its tax"
    (mail,) = mails("dispute")
    assert mail.payload["to"] == [settings.SUPPORT_EMAIL]
    for words in (invoice.number, "They left in September", "$120.00", "Bill"):
        assert words in mail.payload["text"]
    assert AuditEntry.objects.get(action="dispute.opened").actor_name == BILL.name


def test_a_disputed_line_is_not_charged(scenario, invoice):
    scenario.card()
    dispute(invoice)

    attempt = charge_invoice(invoice_id=invoice.pk, now=LATER)

    assert attempt.amount_minor == 24_000
    assert (invoice.owed_minor, invoice.amounts.due_minor) == (12_000, 0)
    assert charge_invoice(invoice_id=invoice.pk, now=LATER, cause="retry:1:1") is None


def test_a_payment_link_charges_the_undisputed_rest(scenario, invoice):
    scenario.card()
    dispute(invoice, 1)
    begin_on_session(invoice_id=invoice.pk, now=LATER)
    assert invoice.attempts.get().amount_minor == 12_000
    dispute(invoice, 2)

    with pytest.raises(NothingToPay):
        begin_on_session(invoice_id=invoice.pk, now=LATER)


def test_an_accepted_dispute_is_credited_and_mailed(scenario, invoice):
    opened = dispute(invoice)

    answered = accept(opened)

    note = CreditNote.objects.get()
    assert (answered.state, answered.credit_note) == (LineDispute.State.ACCEPTED, note)
    assert (note.total_minor, note.reason) == (12_000, "You are right")
    assert invoice.owed_minor == 24_000
    (mail,) = mails("dispute-answer")
    assert mail.payload["to"] == invoice.buyer["emails"]
    assert note.number in mail.payload["text"]


def test_an_accepted_dispute_of_a_paid_line_is_refunded(scenario, invoice):
    pay(scenario, invoice)
    opened = dispute(invoice)

    accept(opened)

    assert Refund.objects.get().amount_minor == 12_000


def test_a_declined_dispute_is_charged_now(scenario, invoice):
    scenario.card()
    opened = dispute(invoice)
    charge_invoice(invoice_id=invoice.pk, now=LATER)

    answered = decline(opened)

    assert (answered.state, invoice.amounts.due_minor) == (LineDispute.State.DECLINED, 12_000)
    assert "They were there" in mails("dispute-answer").get().payload["text"]
    message = OutboxMessage.objects.get(topic="billing.charge", key__startswith="dispute:")
    attempt = charge_invoice(now=LATER, **message.payload)
    assert (attempt.amount_minor, attempt.state, invoice.owed_minor) == (12_000, "succeeded", 0)


def test_a_dispute_is_not_declined_without_an_answer(invoice):
    with pytest.raises(CorrectionRefused, match="answer"):
        decline(dispute(invoice), " ")


@pytest.mark.parametrize("answer", [accept, decline])
def test_a_dispute_is_answered_once(invoice, answer):
    opened = dispute(invoice)
    accept(opened)

    with pytest.raises(CorrectionRefused, match="answered this dispute already: accepted"):
        answer(opened)

    assert CreditNote.objects.count() == 1


def test_a_line_is_disputed_once(scenario, invoice):
    decline(dispute(invoice))

    with pytest.raises(CorrectionRefused, match="disputed before"):
        dispute(invoice)


def test_a_line_without_an_amount_cannot_be_disputed(scenario, invoice):
    line = invoice.lines.get(position=2)
    credit_lines(
        invoice_id=invoice.pk, line_ids=[line.pk], reason="Goodwill", actor=STAFF, now=LATER
    )
    with pytest.raises(CorrectionRefused, match="Nothing is left"):
        dispute(invoice)

    invoice.lines.filter(position=1).update(amount_minor=0)
    with pytest.raises(CorrectionRefused, match="Nothing is left"):
        dispute(invoice, 1)


def test_a_dispute_without_a_reason_is_refused(invoice):
    with pytest.raises(CorrectionRefused, match="wrong"):
        dispute(invoice, reason=" ")


def test_a_credited_line_is_accepted_without_another_note(invoice):
    opened = dispute(invoice)
    credit_lines(
        invoice_id=invoice.pk,
        line_ids=[opened.line_id],
        reason="Goodwill",
        actor=STAFF,
        now=LATER,
    )

    assert accept(opened).credit_note is None
    assert CreditNote.objects.count() == 1


def test_voiding_an_invoice_accepts_its_disputes(invoice):
    opened = dispute(invoice)
    void_invoice(invoice_id=invoice.pk, reason="Billed twice", actor=STAFF, now=LATER)

    opened.refresh_from_db()
    assert opened.state == LineDispute.State.ACCEPTED
    with pytest.raises(CorrectionRefused, match="void"):
        dispute(invoice, 1)
