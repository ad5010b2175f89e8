"""Operations' pages of invoices, payments, refunds, credit notes and line disputes."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.admin import TabularInline

from billing.admin.base import BillingAdmin, money_column
from billing.admin.corrections.pages import (
    DISPUTE_PAGES,
    INVOICE_PAGES,
    PAYMENT_PAGES,
    REFUND_PAGES,
    TRANSFER_PAGES,
    CorrectingAdmin,
)
from billing.admin.deliveries import deliver_again
from billing.corrections.deliveries import (
    deliver_credit_note_again,
    deliver_invoice_again,
    deliver_refund_again,
)
from billing.corrections.refunds import refundable_minor
from billing.documents.credit_note import credit_note_document
from billing.documents.store import DocumentDamaged, DocumentNotReady
from billing.models import (
    AnnouncedTransfer,
    ChargeAttempt,
    CreditNote,
    CreditNoteLine,
    Invoice,
    InvoiceLine,
    LineDispute,
    Payment,
    Refund,
)
from billing.money import format_money


class ReadInline(TabularInline):  # type: ignore[misc]  # unfold has no types
    """Read-only rows."""

    can_delete = False
    extra = 0
    max_num = 0
    show_change_link = False


class LineInline(ReadInline):
    """An invoice's lines as issued."""

    model = InvoiceLine
    fields = ("position", "kind", "description", "quantity", "unit_price", "amount")
    readonly_fields = fields
    amount = money_column("Amount", "amount_minor", currency="invoice.currency")


class AttemptInline(ReadInline):
    """An invoice's charge attempts."""

    model = ChargeAttempt
    fields = ("cause", "state", "amount", "decline_code", "created_at", "finished_at")
    readonly_fields = fields
    amount = money_column("Amount", "amount_minor")


class PaymentInline(ReadInline):
    """An invoice's payments, with links to the page that refunds them."""

    model = Payment
    fields = ("method", "amount", "received_at", "reference", "recorded_by_name")
    readonly_fields = fields
    show_change_link = True
    amount = money_column("Amount", "amount_minor")


class CreditNoteInline(ReadInline):
    """An invoice's credit notes."""

    model = CreditNote
    fields = ("number", "total", "reason", "issued_at", "issued_by_name")
    readonly_fields = fields
    show_change_link = True
    total = money_column("Total", "total_minor")


class DisputeInline(ReadInline):
    """An invoice's line disputes."""

    model = LineDispute
    fields = ("line", "state", "reason", "opened_by_name", "opened_at", "answer")
    readonly_fields = fields
    show_change_link = True


class RefundInline(ReadInline):
    """A payment's refunds."""

    model = Refund
    fields = ("state", "amount", "reason", "ordered_by_name", "ordered_at", "failure_message")
    readonly_fields = fields
    show_change_link = True
    amount = money_column("Amount", "amount_minor")


class NoteLineInline(ReadInline):
    """A credit note's lines as issued, before tax."""

    model = CreditNoteLine
    fields = ("position", "description", "amount")
    readonly_fields = fields
    amount = money_column("Amount", "amount_minor", currency="credit_note.currency")


@admin.register(Invoice)
class InvoiceAdmin(CorrectingAdmin):
    """Invoices as issued, with their corrections."""

    corrections = INVOICE_PAGES
    actions = (deliver_again(deliver_invoice_again, "invoice"),)
    list_display = ("number", "kind", "month", "collection", "total", "status", "due_date")
    list_filter = ("kind", "collection")
    search_fields = ("number",)
    ordering = ("-issued_at", "-id")
    inlines = (PaymentInline, CreditNoteInline, DisputeInline, AttemptInline, LineInline)
    fields: Any = (
        "number",
        "status",
        ("kind", "month"),
        ("issued_at", "due_date"),
        "collection",
        "buyer_name",
        "replaces",
    )
    readonly_fields = ("status", "buyer_name")
    total = money_column("Total", "total_minor")
    void_fields = (("voided_at", "voided_by_name"), "void_reason")
    write_off_fields = (("written_off_at", "written_off_by_name"), "write_off_reason")

    def get_fields(self, request: HttpRequest, obj: Invoice | None = None) -> Any:  # noqa: ARG002 - Django's signature
        """Add the void or write-off, if there is one."""
        void = self.void_fields if obj and obj.voided_at else ()
        written_off = self.write_off_fields if obj and obj.written_off_at else ()
        return (*self.fields, *void, *written_off)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:  # noqa: ARG002 - Django's signature
        """With amounts, so that the status needs no statement."""
        return Invoice.objects.with_paid().order_by(*self.ordering)

    @admin.display(description="Status")
    def status(self, invoice: Invoice) -> str:
        """The status that the provider sees."""
        return str(invoice.status.label)

    @admin.display(description="Bill to")
    def buyer_name(self, invoice: Invoice) -> str:
        """The buyer printed on the invoice."""
        return str(invoice.buyer["name"])

    def figures(self, record: Invoice) -> list[tuple[str, str]]:
        """The amounts above zero, and the owed amount in any case."""
        amounts = record.amounts
        named = {
            "Billed": amounts.billed_minor,
            "Credited": amounts.credited_minor,
            "Paid": amounts.paid_minor,
            "Disputed": amounts.disputed_minor,
            "To be refunded": amounts.overpaid_minor,
            "Given up": amounts.cancelled_minor,
        }
        texts = [
            (name, format_money(minor, record.currency)) for name, minor in named.items() if minor
        ]
        return [*texts, ("Owed", format_money(amounts.owed_minor, record.currency))]


@admin.register(Payment)
class PaymentAdmin(CorrectingAdmin):
    """Payments, and their refunds."""

    corrections = PAYMENT_PAGES
    list_display = ("invoice", "method", "amount", "received_at", "reference")
    list_filter = ("method",)
    list_select_related = ("invoice",)
    search_fields = ("invoice__number", "reference", "stripe_payment_intent_id")
    ordering = ("-received_at", "-id")
    inlines = (RefundInline,)
    fields = (
        "invoice",
        "method",
        "received_at",
        "reference",
        "recorded_by_name",
        "stripe_payment_intent_id",
    )
    amount = money_column("Amount", "amount_minor")

    def figures(self, record: Payment) -> list[tuple[str, str]]:
        """The received and the refundable amount."""
        return [
            ("Received", format_money(record.amount_minor, record.currency)),
            ("Can be refunded", format_money(refundable_minor(record), record.currency)),
        ]


@admin.register(Refund)
class RefundAdmin(CorrectingAdmin):
    """Refunds; that of a bank transfer waits here until operations pay it out."""

    corrections = REFUND_PAGES
    actions = (deliver_again(deliver_refund_again, "refund"),)
    list_display = ("payment_of", "amount", "state", "method", "ordered_by_name", "ordered_at")
    list_filter = ("state", "payment__method")
    list_select_related = ("payment__invoice",)
    search_fields = ("payment__invoice__number", "stripe_refund_id", "reference")
    ordering = ("-ordered_at", "-id")
    fields = (
        "payment_of",
        "payment",
        "credit_note",
        ("amount", "state"),
        "reason",
        "reference",
        "failure_message",
        ("ordered_by_name", "ordered_at"),
        ("sent_at", "finished_at"),
        "stripe_refund_id",
    )
    readonly_fields = ("payment_of", "amount")
    amount = money_column("Amount", "amount_minor")

    @admin.display(description="Invoice")
    def payment_of(self, refund: Refund) -> str:
        """The invoice's number."""
        return str(refund.payment.invoice.number)

    @admin.display(description="Method")
    def method(self, refund: Refund) -> str:
        """The method of the refunded payment."""
        return refund.payment.get_method_display()


@admin.register(CreditNote)
class CreditNoteAdmin(BillingAdmin):
    """Credit notes as issued."""

    actions = (deliver_again(deliver_credit_note_again, "note"),)
    list_display = ("number", "invoice", "total", "reason", "issued_at", "issued_by_name")
    list_select_related = ("invoice",)
    search_fields = ("number", "invoice__number")
    ordering = ("-issued_at", "-id")
    inlines = (NoteLineInline,)
    fields = ("number", "pdf", "invoice", "total", "reason", ("issued_at", "issued_by_name"))
    readonly_fields = ("pdf", "total")
    total = money_column("Total", "total_minor")

    @admin.display(description="PDF")
    def pdf(self, note: CreditNote) -> str:
        """A link to the PDF that the provider downloads."""
        address = reverse("admin:billing_creditnote_pdf", args=[note.pk])
        return format_html(
            '<a class="text-primary-600 dark:text-primary-500" href="{}">{}.pdf</a>',
            address,
            note.number,
        )

    def get_urls(self) -> list[URLPattern]:
        """Add the download of the PDF."""
        view = self.admin_site.admin_view(self.download)
        own = path("<int:pk>/pdf/", view, name="billing_creditnote_pdf")
        return [own, *super().get_urls()]

    def download(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the stored PDF."""
        if not self.has_view_permission(request):
            return HttpResponse(status=403)
        note = get_object_or_404(CreditNote, pk=pk)
        try:
            document = credit_note_document(note=note)
        except DocumentNotReady:
            return HttpResponse("The PDF is being rendered. Try again in a minute.", status=202)
        except DocumentDamaged as damage:
            return HttpResponse(str(damage), status=409)
        disposition = f'attachment; filename="{note.number}.pdf"'
        return HttpResponse(
            document.content,
            content_type="application/pdf",
            headers={"Content-Disposition": disposition},
        )


@admin.register(LineDispute)
class LineDisputeAdmin(CorrectingAdmin):
    """Line disputes, which operations answer."""

    corrections = DISPUTE_PAGES
    list_display = ("invoice", "line", "amount", "state", "opened_by_name", "opened_at")
    list_filter = ("state",)
    list_select_related = ("invoice", "line")
    search_fields = ("invoice__number", "reason")
    ordering = ("-opened_at", "-id")
    fields = (
        "invoice",
        "line",
        "state",
        "reason",
        ("opened_by_name", "opened_at"),
        "answer",
        ("answered_by_name", "answered_at"),
        "credit_note",
    )
    amount = money_column("Amount", "amount_minor")

    def figures(self, record: Any) -> list[tuple[str, str]]:
        """The disputed amount and the person who disputed it."""
        return [
            ("Disputed", format_money(record.amount_minor, record.currency)),
            ("By", record.opened_by_name),
        ]


@admin.register(AnnouncedTransfer)
class AnnouncedTransferAdmin(CorrectingAdmin):
    """Bank transfers that customers announced; recorded on their invoice when they arrive."""

    corrections = TRANSFER_PAGES
    list_display = ("invoice", "amount", "state", "expected_on", "announced_by_name", "ended_at")
    list_filter = ("state",)
    list_select_related = ("invoice",)
    search_fields = ("invoice__number",)
    ordering = ("-announced_at", "-id")
    fields = (
        "invoice",
        ("amount", "state"),
        ("expected_on", "lapses_at"),
        ("announced_by_name", "announced_at"),
        ("ended_by_name", "ended_at"),
    )
    readonly_fields = ("amount",)
    amount = money_column("Amount", "amount_minor")
