"""Operations take part of an invoice back: chosen lines, or an amount."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Sum

from billing.corrections.credit_amounts import (
    MoreThanIsLeft,
    Split,
    credit_of_subtotal,
    credit_of_total,
)
from billing.corrections.credit_notes import Taken, credited_split, issue_note, split_of
from billing.corrections.refunds import refund_overpayment
from billing.models import CreditNote, Invoice, InvoiceLine
from billing.models.invoice_amounts import Amounts
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
    seen: Amounts | None = None,
) -> CreditNote:
    """Credit an amount, its tax included; what was paid of it already is refunded.

    Raises `CorrectionRefused`, also while a charge of the invoice is under way.
    """

    def act(invoice: Invoice) -> CreditNote:
        _check(invoice, reason)
        if total_minor <= 0:
            raise CorrectionRefused("Enter the amount to credit.", field="amount")
        split = _split_of_total(invoice, total_minor)
        taken = [Taken(description=reason.strip(), amount_minor=split.subtotal_minor)]
        return credit(invoice, split, taken, reason=reason, actor=actor, now=now)

    return change_balance(act, invoice_id=invoice_id, now=now, seen=seen)


def credit_lines(
    *,
    invoice_id: int,
    line_ids: Collection[int],
    reason: str,
    actor: Actor,
    now: datetime,
    seen: Amounts | None = None,
) -> CreditNote:
    """Credit what is left of these lines, with its tax; what was paid of it already is refunded.

    Raises `CorrectionRefused`, also while a charge of the invoice is under way.
    """

    def act(invoice: Invoice) -> CreditNote:
        _check(invoice, reason)
        lines = list(invoice.lines.filter(pk__in=line_ids).order_by("position"))
        if not lines or len(lines) != len(set(line_ids)):
            raise CorrectionRefused("Choose lines of this invoice.", field="lines")
        taken, split = taken_of_lines(invoice, lines)
        return credit(invoice, split, taken, reason=reason, actor=actor, now=now)

    return change_balance(act, invoice_id=invoice_id, now=now, seen=seen)


def _check(invoice: Invoice, reason: str) -> None:
    if invoice.voided_at:
        raise CorrectionRefused(f"{invoice.number} is void: there is nothing to credit.")
    if not reason.strip():
        raise CorrectionRefused("Give the reason: it is printed on the note.", field="reason")


def _split_of_total(invoice: Invoice, total_minor: int) -> Split:
    try:
        return credit_of_total(
            invoice=split_of(invoice),
            credited=credited_split(invoice),
            total_minor=total_minor,
            currency=invoice.currency,
        )
    except MoreThanIsLeft as error:
        raise _beyond(invoice) from error


def _beyond(invoice: Invoice) -> CorrectionRefused:
    left = format_money(invoice.amounts.creditable_minor, invoice.currency)
    return CorrectionRefused(
        f"No more than {left} of {invoice.number} is left to be credited.", field="amount"
    )


def left_of_line(line: InvoiceLine) -> int:
    """What no credit note took back of a line yet; minor units before tax."""
    credited = line.credits.aggregate(credited=Sum("amount_minor"))["credited"] or 0
    return max(0, line.amount_minor - credited)


def left_to_credit(invoice: Invoice, line: InvoiceLine) -> int:
    """As `left_of_line`, and no more than the whole invoice still carries before tax."""
    room = (split_of(invoice) - credited_split(invoice)).subtotal_minor
    return min(left_of_line(line), room)


def taken_of_lines(invoice: Invoice, lines: Collection[InvoiceLine]) -> tuple[list[Taken], Split]:
    """What a note for these lines of the locked invoice takes back.

    Notes of an amount count against every line: never more than the invoice carries. Raises
    `CorrectionRefused` where nothing is left of one of them.
    """
    credited = credited_split(invoice)
    room = (split_of(invoice) - credited).subtotal_minor
    taken = []
    for line in lines:
        amount = min(left_of_line(line), room)
        if amount <= 0:
            raise CorrectionRefused(
                f"Nothing is left to be credited of line {line.position}.", field="lines"
            )
        room -= amount
        taken.append(Taken(description=line.description, amount_minor=amount, line=line))
    split = credit_of_subtotal(
        invoice=split_of(invoice),
        credited=credited,
        subtotal_minor=sum(line.amount_minor for line in taken),
        currency=invoice.currency,
    )
    return taken, split


def credit(
    invoice: Invoice, split: Split, taken: list[Taken], *, reason: str, actor: Actor, now: datetime
) -> CreditNote:
    """Issue the note of the locked invoice and order refunds of what was paid of it already."""
    require_no_charge(invoice)
    reason = reason.strip()
    note = issue_note(
        invoice=invoice, split=split, taken=taken, reason=reason, actor=actor, now=now
    )
    refund_overpayment(invoice=invoice, note=note, reason=reason, actor=actor, now=now)
    return note
