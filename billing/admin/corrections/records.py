"""What operations see of corrections, and where each is made."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from billing.admin.base import BillingAdmin
from billing.admin.corrections.inlines import (
    AttemptInline,
    CreditNoteInline,
    DisputeInline,
    LineInline,
    NoteLineInline,
    PaymentInline,
    RefundInline,
)
from billing.admin.corrections.page import CorrectingAdmin
from billing.admin.corrections.pages import (
    DISPUTE_PAGES,
    INVOICE_PAGES,
    PAYMENT_PAGES,
    REFUND_PAGES,
)
from billing.corrections.refunds import refundable_minor
from billing.documents import DocumentDamaged, DocumentNotReady
from billing.documents.credit_note import credit_note_document
from billing.models import (
    CreditNote,
    Invoice,
    LineDispute,
    Payment,
    Refund,
)
from billing.money import format_money


@admin.register(Invoice)
class InvoiceAdmin(CorrectingAdmin):
    """Invoices as issued, and every correction of one."""

    corrections = INVOICE_PAGES
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
    of_the_void = (("voided_at", "voided_by_name"), "void_reason")
    of_the_write_off = (("written_off_at", "written_off_by_name"), "write_off_reason")

    def get_fields(self, request: HttpRequest, obj: Invoice | None = None) -> Any:  # noqa: ARG002 - Django's signature
        """What operations decided is shown once they have."""
        void = self.of_the_void if obj and obj.voided_at else ()
        written_off = self.of_the_write_off if obj and obj.written_off_at else ()
        return (*self.fields, *void, *written_off)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:  # noqa: ARG002 - Django's signature
        """With its amounts, so that the status costs nothing."""
        return Invoice.objects.with_paid().order_by(*self.ordering)

    @admin.display(description="Total")
    def total(self, invoice: Invoice) -> str:
        """As printed on it."""
        return format_money(invoice.total_minor, invoice.currency)

    @admin.display(description="Status")
    def status(self, invoice: Invoice) -> str:
        """As the provider sees it."""
        return str(invoice.status.label)

    @admin.display(description="Bill to")
    def buyer_name(self, invoice: Invoice) -> str:
        """As printed on it."""
        return str(invoice.buyer["name"])

    def figures(self, found: Invoice) -> list[tuple[str, str]]:
        """The amounts a correction starts from; those of nothing left out, but for what is owed."""
        amounts = found.amounts
        named = {
            "Billed": amounts.billed_minor,
            "Credited": amounts.credited_minor,
            "Paid": amounts.paid_minor,
            "Disputed": amounts.disputed_minor,
            "To be refunded": amounts.overpaid_minor,
            "Given up": amounts.cancelled_minor,
        }
        texts = [
            (name, format_money(minor, found.currency)) for name, minor in named.items() if minor
        ]
        return [*texts, ("Owed", format_money(amounts.owed_minor, found.currency))]


@admin.register(Payment)
class PaymentAdmin(CorrectingAdmin):
    """Money that came in."""

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

    @admin.display(description="Amount")
    def amount(self, payment: Payment) -> str:
        """As people read it."""
        return format_money(payment.amount_minor, payment.currency)

    def figures(self, found: Payment) -> list[tuple[str, str]]:
        """What came in, and what can go back."""
        return [
            ("Received", format_money(found.amount_minor, found.currency)),
            ("Can be refunded", format_money(refundable_minor(found), found.currency)),
        ]


@admin.register(Refund)
class RefundAdmin(CorrectingAdmin):
    """Money given back; a transfer's refund waits here until it is paid out."""

    corrections = REFUND_PAGES
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

    @admin.display(description="Invoice")
    def payment_of(self, refund: Refund) -> str:
        """The invoice's number."""
        return str(refund.payment.invoice.number)

    @admin.display(description="Amount")
    def amount(self, refund: Refund) -> str:
        """As people read it."""
        return format_money(refund.amount_minor, refund.currency)

    @admin.display(description="Method")
    def method(self, refund: Refund) -> str:
        """How the money had come."""
        return refund.payment.get_method_display()


@admin.register(CreditNote)
class CreditNoteAdmin(BillingAdmin):
    """Credit notes as issued."""

    list_display = ("number", "invoice", "total", "reason", "issued_at", "issued_by_name")
    list_select_related = ("invoice",)
    search_fields = ("number", "invoice__number")
    ordering = ("-issued_at", "-id")
    inlines = (NoteLineInline,)
    fields = ("number", "pdf", "invoice", "total", "reason", ("issued_at", "issued_by_name"))
    readonly_fields = ("pdf", "total")

    @admin.display(description="Total")
    def total(self, note: CreditNote) -> str:
        """As printed on it."""
        return format_money(note.total_minor, note.currency)

    @admin.display(description="PDF")
    def pdf(self, note: CreditNote) -> str:
        """The document as the provider downloads it."""
        address = reverse("admin:billing_creditnote_pdf", args=[note.pk])
        return format_html('<a class="text-primary-600" href="{}">{}.pdf</a>', address, note.number)

    def get_urls(self) -> list[URLPattern]:
        """The admin's own, and the document."""
        view = self.admin_site.admin_view(self.download)
        own = path("<int:pk>/pdf/", view, name="billing_creditnote_pdf")
        return [own, *super().get_urls()]

    def download(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The stored bytes."""
        if not self.has_view_permission(request):
            return HttpResponse(status=403)
        note = get_object_or_404(CreditNote, pk=pk)
        try:
            kept = credit_note_document(note=note)
        except DocumentNotReady:
            return HttpResponse("The PDF is being rendered. Try again in a minute.", status=202)
        except DocumentDamaged as damage:
            return HttpResponse(str(damage), status=409)
        disposition = f'attachment; filename="{note.number}.pdf"'
        return HttpResponse(
            kept.content,
            content_type="application/pdf",
            headers={"Content-Disposition": disposition},
        )


@admin.register(LineDispute)
class LineDisputeAdmin(CorrectingAdmin):
    """Lines that providers do not accept, to be answered."""

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

    @admin.display(description="Amount")
    def amount(self, dispute: LineDispute) -> str:
        """With its tax."""
        return format_money(dispute.amount_minor, dispute.currency)

    def figures(self, found: Any) -> list[tuple[str, str]]:
        """What is at stake."""
        return [
            ("Disputed", format_money(found.amount_minor, found.currency)),
            ("By", found.opened_by_name),
        ]
