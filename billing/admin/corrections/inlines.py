"""What belongs to an invoice, a payment or a credit note, as rows of its page."""

from django.contrib import admin
from unfold.admin import TabularInline

from billing.models import (
    ChargeAttempt,
    CreditNote,
    CreditNoteLine,
    InvoiceLine,
    LineDispute,
    Payment,
    Refund,
)
from billing.money import format_money


class ReadInline(TabularInline):  # type: ignore[misc]
    """Rows to be looked at."""

    can_delete = False
    extra = 0
    max_num = 0
    show_change_link = False


class LineInline(ReadInline):
    """An invoice's lines as issued."""

    model = InvoiceLine
    fields = ("position", "kind", "description", "quantity", "unit_price", "amount")
    readonly_fields = fields

    @admin.display(description="Amount")
    def amount(self, line: InvoiceLine) -> str:
        """As printed on it."""
        return format_money(line.amount_minor, line.invoice.currency)


class AttemptInline(ReadInline):
    """What was tried to charge it."""

    model = ChargeAttempt
    fields = ("cause", "state", "amount", "decline_code", "created_at", "finished_at")
    readonly_fields = fields

    @admin.display(description="Amount")
    def amount(self, attempt: ChargeAttempt) -> str:
        """As people read it."""
        return format_money(attempt.amount_minor, attempt.currency)


class PaymentInline(ReadInline):
    """What came in, each with the page on which it is refunded."""

    model = Payment
    fields = ("method", "amount", "received_at", "reference", "recorded_by_name")
    readonly_fields = fields
    show_change_link = True

    @admin.display(description="Amount")
    def amount(self, payment: Payment) -> str:
        """As people read it."""
        return format_money(payment.amount_minor, payment.currency)


class CreditNoteInline(ReadInline):
    """What was taken back."""

    model = CreditNote
    fields = ("number", "total", "reason", "issued_at", "issued_by_name")
    readonly_fields = fields
    show_change_link = True

    @admin.display(description="Total")
    def total(self, note: CreditNote) -> str:
        """As printed on it."""
        return format_money(note.total_minor, note.currency)


class DisputeInline(ReadInline):
    """What the provider does not accept."""

    model = LineDispute
    fields = ("line", "state", "reason", "opened_by_name", "opened_at", "answer")
    readonly_fields = fields
    show_change_link = True


class RefundInline(ReadInline):
    """What went back of a payment."""

    model = Refund
    fields = ("state", "amount", "reason", "ordered_by_name", "ordered_at", "failure_message")
    readonly_fields = fields
    show_change_link = True

    @admin.display(description="Amount")
    def amount(self, refund: Refund) -> str:
        """As people read it."""
        return format_money(refund.amount_minor, refund.currency)


class NoteLineInline(ReadInline):
    """A credit note's lines as issued."""

    model = CreditNoteLine
    fields = ("position", "description", "amount")
    readonly_fields = fields

    @admin.display(description="Amount")
    def amount(self, line: CreditNoteLine) -> str:
        """Before tax, as printed on it."""
        return format_money(line.amount_minor, line.credit_note.currency)
