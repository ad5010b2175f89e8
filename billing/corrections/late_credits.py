"""Credit notes for usage removed late, where no invoice can carry the credit."""

from datetime import datetime

from billing.choices import InvoiceKind
from billing.contracts.free_allowance import billed_contract
from billing.corrections.credit_amounts import credit_of_subtotal
from billing.corrections.credit_notes import NoteLine, credited_split, split_of
from billing.corrections.credits import credit
from billing.invoicing.late_usage import late_usage_lines
from billing.models import CreditNote, Invoice
from billing.payments.balance_lock import CorrectionRefused, change_balance
from billing.rating.rate_month import LineDraft
from core.actors import SYSTEM_ACTOR
from core.months import Month
from core.operations.alerts import raise_alert, settle_alert
from core.operations.kinds import alert_kind

LATE_CREDIT = alert_kind("late_credit", title="Credit of late usage")


def credit_late_usage(*, months: list[Month], now: datetime) -> list[CreditNote]:
    """Credit what was billed too much of these closed months, on the invoices that billed it.

    Each credit once: after it, nothing of the month is left to be credited. One that its invoice
    can't take (void, written off, credited already, or a charge runs) is an operations alert, and
    the next close tries again.
    """
    notes = []
    for month in months:
        contract = billed_contract(month)
        if contract is None:
            continue
        lines = late_usage_lines(currency=contract.currency, months=[month.first_day])
        key = str(month)
        try:
            notes += [_credit(line, month, now=now) for line in lines if line.amount_minor < 0]
        except CorrectionRefused as refused:
            raise_alert(
                kind=LATE_CREDIT,
                key=key,
                summary=f"Late usage of {month.first_day:%B %Y} is not credited: {refused}",
                next_step="Credit or refund it by hand, or wait: the next invoice carries it.",
                now=now,
            )
        else:
            settle_alert(kind=LATE_CREDIT, key=key, now=now)
    return notes


def _credit(line: LineDraft, month: Month, *, now: datetime) -> CreditNote:
    invoices = Invoice.objects.filter(month=month.first_day, voided_at=None, written_off_at=None)
    invoice = invoices.exclude(kind=InvoiceKind.ORDER).order_by("-total_minor").first()
    if invoice is None:
        raise CorrectionRefused(f"No invoice of {month.first_day:%B %Y} is left to be credited.")
    reason = line.reason or line.description

    def issue(locked: Invoice) -> CreditNote:
        credited = credited_split(locked)
        left = (split_of(locked) - credited).subtotal_minor
        if -line.amount_minor > left:
            raise CorrectionRefused(f"{locked.number} has less left to be credited.")
        split = credit_of_subtotal(
            invoice=split_of(locked),
            credited=credited,
            subtotal_minor=-line.amount_minor,
            currency=locked.currency,
        )
        note = NoteLine(line.description, -line.amount_minor, adjustment=line)
        return credit(locked, split, [note], reason=reason, actor=SYSTEM_ACTOR, now=now)

    return change_balance(issue, invoice_id=invoice.pk, now=now)
