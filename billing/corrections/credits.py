"""Credits of an invoice by operations: chosen lines, or an amount."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Sum

from billing.corrections.credit_amounts import (
    MoreThanIsLeft,
    Split,
    credit_of_subtotal,
    credit_of_total,
)
from billing.corrections.credit_notes import NoteLine, credited_split, issue_note, split_of
from billing.corrections.refunds import refund_overpayment
from billing.models import CreditNote, Invoice, InvoiceLine
from billing.money import format_money
from billing.payments.balance_lock import CorrectionRefused, change_balance, require_no_charge
from core.actors import Actor


def credit_amount(
    *,
    invoice_id: int,
    total_minor: int,
    reason: str,
    actor: Actor,
    now: datetime,
    seen: str | None = None,
) -> CreditNote:
    """Credit an amount that includes tax; the part that was paid already is refunded.

    Raises `CorrectionRefused`, also while a charge of the invoice runs.
    """

    def credit_invoice(invoice: Invoice) -> CreditNote:
        _check(invoice, reason)
        if total_minor <= 0:
            raise CorrectionRefused("Enter the amount to credit.", field="amount")
        try:
            split = credit_of_total(
                invoice=split_of(invoice),
                credited=credited_split(invoice),
                total_minor=total_minor,
                currency=invoice.currency,
            )
        except MoreThanIsLeft as error:
            left = format_money(invoice.amounts.creditable_minor, invoice.currency)
            raise CorrectionRefused(
                f"No more than {left} of {invoice.number} is left to be credited.", field="amount"
            ) from error
        note_lines = [NoteLine(description=reason.strip(), amount_minor=split.subtotal_minor)]
        return credit(invoice, split, note_lines, reason=reason, actor=actor, now=now)

    return change_balance(credit_invoice, invoice_id=invoice_id, now=now, seen=seen)


def credit_lines(
    *,
    invoice_id: int,
    line_ids: Collection[int],
    reason: str,
    actor: Actor,
    now: datetime,
    seen: str | None = None,
) -> CreditNote:
    """Credit the remaining amounts of these lines with tax; the part paid already is refunded.

    Raises `CorrectionRefused`, also while a charge of the invoice runs.
    """

    def credit_invoice(invoice: Invoice) -> CreditNote:
        _check(invoice, reason)
        lines = list(invoice.lines.filter(pk__in=line_ids).order_by("position"))
        if not lines or len(lines) != len(set(line_ids)):
            raise CorrectionRefused("Choose lines of this invoice.", field="lines")
        note_lines, split = note_for_lines(invoice, lines)
        return credit(invoice, split, note_lines, reason=reason, actor=actor, now=now)

    return change_balance(credit_invoice, invoice_id=invoice_id, now=now, seen=seen)


def _check(invoice: Invoice, reason: str) -> None:
    if invoice.voided_at:
        raise CorrectionRefused(f"{invoice.number} is void: there is nothing to credit.")
    if not reason.strip():
        raise CorrectionRefused("Give the reason: it is printed on the note.", field="reason")


def _left_of_line(line: InvoiceLine) -> int:
    credited = line.credits.aggregate(credited=Sum("amount_minor"))["credited"] or 0
    return max(0, line.amount_minor - credited)


def left_to_credit(invoice: Invoice, line: InvoiceLine) -> int:
    """Return what can still be credited of a line and of its invoice; minor units before tax."""
    left = (split_of(invoice) - credited_split(invoice)).subtotal_minor
    return min(_left_of_line(line), left)


def note_for_lines(
    invoice: Invoice, lines: Collection[InvoiceLine]
) -> tuple[list[NoteLine], Split]:
    """Return the lines and amounts of a note that credits these lines of the locked invoice.

    Earlier notes over an amount reduce what is left for every line. Raises `CorrectionRefused` if
    nothing is left of a line.
    """
    credited = credited_split(invoice)
    left = (split_of(invoice) - credited).subtotal_minor
    note_lines = []
    for line in lines:
        amount = min(_left_of_line(line), left)
        if amount <= 0:
            raise CorrectionRefused(
                f"Nothing is left to be credited of line {line.position}.", field="lines"
            )
        left -= amount
        note_lines.append(NoteLine(description=line.description, amount_minor=amount, line=line))
    split = credit_of_subtotal(
        invoice=split_of(invoice),
        credited=credited,
        subtotal_minor=sum(line.amount_minor for line in note_lines),
        currency=invoice.currency,
    )
    return note_lines, split


def credit(
    invoice: Invoice,
    split: Split,
    note_lines: list[NoteLine],
    *,
    reason: str,
    actor: Actor,
    now: datetime,
) -> CreditNote:
    """Issue the note of the locked invoice and order refunds of the part paid already."""
    amounts = invoice.amounts
    if amounts.carried_out_minor and split.total_minor > amounts.creditable_minor:
        left = format_money(amounts.creditable_minor, invoice.currency)
        carried = format_money(amounts.carried_out_minor, invoice.currency)
        raise CorrectionRefused(
            f"No more than {left} of {invoice.number} is left to be credited: {carried} was "
            "carried to a later invoice. Credit that part there.",
            field="amount",
        )
    require_no_charge(invoice)
    reason = reason.strip()
    note = issue_note(
        invoice=invoice, split=split, note_lines=note_lines, reason=reason, actor=actor, now=now
    )
    refund_overpayment(invoice=invoice, note=note, reason=reason, actor=actor, now=now)
    return note
