"""Every correction that operations can make, as a page."""

from datetime import datetime

from billing.admin.corrections.forms import (
    AnswerForm,
    CreditForm,
    PayoutForm,
    ReasonForm,
    RefundForm,
    TransferForm,
)
from billing.admin.corrections.page import CorrectionPage
from billing.admin.corrections.reissue_form import ReissueForm
from billing.corrections.bank_transfers import record_transfer
from billing.corrections.credits import credit_amount, credit_lines
from billing.corrections.line_disputes import accept_dispute, decline_dispute
from billing.corrections.refund_booking import book_payout
from billing.corrections.refunds import order_refund, refundable_minor
from billing.corrections.reissue import check_reissuable, reissue
from billing.corrections.voids_and_write_offs import void_invoice, write_off
from billing.models import Invoice, LineDispute, Payment, Refund
from billing.models.invoice_amounts import Status
from billing.money import format_money
from billing.payments.balance_lock import CorrectionRefused
from core.actors import Actor


def _record(form: TransferForm, invoice: Invoice, actor: Actor, now: datetime) -> str:
    payment = record_transfer(
        invoice_id=invoice.pk,
        amount_minor=form.cleaned_data["amount"],
        received_on=form.cleaned_data["received_on"],
        reference=form.cleaned_data["reference"],
        actor=actor,
        now=now,
        seen=form.amounts_seen(),
    )
    return f"{format_money(payment.amount_minor, payment.currency)} is booked on {invoice.number}."


def _credit(form: CreditForm, invoice: Invoice, actor: Actor, now: datetime) -> str:
    reason, seen = form.cleaned_data["reason"], form.amounts_seen()
    if form.cleaned_data["lines"]:
        note = credit_lines(
            invoice_id=invoice.pk,
            line_ids=[int(pk) for pk in form.cleaned_data["lines"]],
            reason=reason,
            actor=actor,
            now=now,
            seen=seen,
        )
    else:
        note = credit_amount(
            invoice_id=invoice.pk,
            total_minor=form.cleaned_data["amount"],
            reason=reason,
            actor=actor,
            now=now,
            seen=seen,
        )
    return f"{note.number} over {format_money(note.total_minor, note.currency)} is issued."


def _void(form: ReasonForm, invoice: Invoice, actor: Actor, now: datetime) -> str:
    reason, seen = form.cleaned_data["reason"], form.amounts_seen()
    void_invoice(invoice_id=invoice.pk, reason=reason, actor=actor, now=now, seen=seen)
    return f"{invoice.number} is void. It can be issued again with corrections."


def _write_off(form: ReasonForm, invoice: Invoice, actor: Actor, now: datetime) -> str:
    reason, seen = form.cleaned_data["reason"], form.amounts_seen()
    write_off(invoice_id=invoice.pk, reason=reason, actor=actor, now=now, seen=seen)
    return f"{invoice.number} is written off."


def _reissue(form: ReissueForm, invoice: Invoice, actor: Actor, now: datetime) -> str:
    issued = reissue(invoice_id=invoice.pk, corrected=form.corrected(), actor=actor, now=now)
    total = format_money(issued.total_minor, issued.currency)
    return f"{issued.number} over {total} takes the place of {invoice.number}."


def _is_reissuable(invoice: Invoice) -> bool:
    try:
        check_reissuable(invoice)
    except CorrectionRefused:
        return False
    return True


INVOICE_PAGES = {
    "record-transfer": CorrectionPage(
        title="Record a bank transfer",
        button="Record the transfer",
        effect="Books money that came to the bank: all that is unpaid, or a part of it.",
        form=TransferForm,
        act=_record,
        is_offered=lambda invoice: not invoice.voided_at and invoice.amounts.unpaid_minor > 0,
    ),
    "credit": CorrectionPage(
        title="Issue a credit note",
        button="Issue the credit note",
        effect="Takes back lines or an amount. The invoice itself stays as issued.",
        form=CreditForm,
        act=_credit,
        is_offered=lambda invoice: not invoice.voided_at and invoice.amounts.creditable_minor > 0,
    ),
    "void": CorrectionPage(
        title="Void the invoice",
        button="Void it",
        effect=(
            "As if it had never been issued; its number stays. Only without payments: refund them "
            "first. The month can then be billed again with corrections."
        ),
        form=ReasonForm,
        act=_void,
        is_offered=lambda invoice: (
            not (invoice.voided_at or invoice.written_off_at or invoice.paid_minor)
        ),
    ),
    "reissue": CorrectionPage(
        title="Issue again with corrections",
        button="Issue the new invoice",
        effect="A new invoice with a new number, from the same frozen month.",
        form=ReissueForm,
        act=_reissue,
        is_offered=_is_reissuable,
    ),
    "write-off": CorrectionPage(
        title="Write off what is owed",
        button="Write it off",
        effect=(
            "The debt is given up: no charge, no dunning, no suspension. What comes in later all "
            "the same is booked as a transfer."
        ),
        form=ReasonForm,
        act=_write_off,
        is_offered=lambda invoice: invoice.status in (Status.OPEN, Status.PARTIALLY_PAID),
    ),
}


def _refund(form: RefundForm, payment: Payment, actor: Actor, now: datetime) -> str:
    refund = order_refund(
        payment=payment,
        amount_minor=form.cleaned_data["amount"],
        reason=form.cleaned_data["reason"],
        actor=actor,
        now=now,
    )
    amount = format_money(refund.amount_minor, refund.currency)
    if payment.method == Payment.Method.CARD:
        return f"{amount} is on its way back to the card."
    return f"Transfer {amount} back, and book it under Refunds once it is paid out."


PAYMENT_PAGES = {
    "refund": CorrectionPage(
        title="Refund",
        button="Refund it",
        effect="Gives money back, with a credit note for what the invoice carried of it.",
        form=RefundForm,
        act=_refund,
        is_offered=lambda payment: refundable_minor(payment) > 0,
    )
}


def _pay_out(form: PayoutForm, refund: Refund, actor: Actor, now: datetime) -> str:
    book_payout(refund=refund, reference=form.cleaned_data["reference"], actor=actor, now=now)
    return f"{format_money(refund.amount_minor, refund.currency)} is booked as paid out."


REFUND_PAGES = {
    "pay-out": CorrectionPage(
        title="Book the payout",
        button="Book it",
        effect="For a bank transfer that was given back by hand.",
        form=PayoutForm,
        act=_pay_out,
        is_offered=lambda refund: (
            refund.state == Refund.State.PENDING
            and refund.payment.method == Payment.Method.BANK_TRANSFER
        ),
    )
}


def _accept(form: AnswerForm, dispute: LineDispute, actor: Actor, now: datetime) -> str:
    answered = accept_dispute(
        dispute_id=dispute.pk, answer=form.cleaned_data["answer"], actor=actor, now=now
    )
    return f"Accepted: {answered.credit_note or 'nothing was left to credit'}."


def _decline(form: AnswerForm, dispute: LineDispute, actor: Actor, now: datetime) -> str:
    answer = form.cleaned_data["answer"]
    decline_dispute(dispute_id=dispute.pk, answer=answer, actor=actor, now=now)
    return "Declined. What is open of the line is due again."


def _is_open(dispute: LineDispute) -> bool:
    return dispute.state == LineDispute.State.OPEN


DISPUTE_PAGES = {
    "accept": CorrectionPage(
        title="Accept: credit the line",
        button="Accept and credit it",
        effect="Issues a credit note over what is left of the line, and refunds what was paid.",
        form=AnswerForm,
        act=_accept,
        is_offered=_is_open,
    ),
    "decline": CorrectionPage(
        title="Decline: the line stays",
        button="Decline it",
        effect="The amount is charged and dunned again, from today on.",
        form=AnswerForm,
        act=_decline,
        is_offered=_is_open,
    ),
}
