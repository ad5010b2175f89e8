"""Mails about corrections: notes and refunds to the billing contacts, disputes to operations.

Each is queued once per cause.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Provider
from billing.documents.invoice_mails import AttachedDocument, DocumentKind, queue_document_mail
from billing.formatting import date_text, month_text
from billing.models import CreditNote, CreditNoteDocument, Invoice, LineDispute, Payment, Refund
from billing.money import format_money
from core.mail import queue_mail


def queue_credit_note_mail(*, note: CreditNote, now: datetime) -> None:
    """Mail a credit note with its PDF, which has been rendered."""
    document = CreditNoteDocument.objects.defer("content").get(credit_note=note)
    amounts = note.invoice.amounts
    _queue(
        "credit_note",
        key=f"credit-note:{note.pk}",
        subject=f"Credit note {note.number} over {format_money(note.total_minor, note.currency)}",
        invoice=note.invoice,
        context={
            "note": note,
            "credited": format_money(note.total_minor, note.currency),
            "owed": format_money(amounts.owed_minor, note.currency) if amounts.owed_minor else "",
            "refunds": [
                format_money(refund.amount_minor, refund.currency) for refund in note.refunds.all()
            ],
        },
        attached=AttachedDocument(DocumentKind.CREDIT_NOTE, document.pk, f"{note.number}.pdf"),
        now=now,
    )


def queue_refund_mail(*, refund: Refund, now: datetime) -> None:
    """Say that money is on its way back: how much, to where and why."""
    amount = format_money(refund.amount_minor, refund.currency)
    invoice = refund.payment.invoice
    zone = invoice.billing_zone()
    _queue(
        "refund",
        key=f"refund:{refund.pk}",
        subject=f"{amount} refunded for invoice {invoice.number}",
        invoice=invoice,
        context={
            "refund": refund,
            "amount": amount,
            "is_card": refund.payment.method == Payment.Method.CARD,
            "paid_on": date_text(refund.payment.received_at.astimezone(zone).date()),
        },
        now=now,
    )


def queue_refund_failed_mail(*, refund: Refund, provider: Provider, now: datetime) -> None:
    """Tell operations that money did not go back, and why."""
    amount = format_money(refund.amount_minor, refund.currency)
    invoice = refund.payment.invoice
    page = reverse("admin:billing_payment_change", args=[refund.payment_id])
    _queue(
        "refund_failed",
        key=f"refund-failed:{refund.pk}",
        subject=f"The refund of {amount} to {provider.name} has failed",
        invoice=invoice,
        to=[settings.SUPPORT_EMAIL],
        context={
            "refund": refund,
            "amount": amount,
            "provider": provider,
            "payment_url": settings.SITE_URL + page,
        },
        now=now,
    )


def queue_dispute_mail(*, dispute: LineDispute, provider: Provider, now: datetime) -> None:
    """Tell operations that a line is disputed, by whom and why."""
    invoice = dispute.invoice
    _queue(
        "dispute_opened",
        key=f"dispute:{dispute.pk}",
        subject=f"{provider.name} disputes a line of invoice {invoice.number}",
        invoice=invoice,
        to=[settings.SUPPORT_EMAIL],
        context=_of_dispute(dispute)
        | {
            "provider": provider,
            "answer_url": settings.SITE_URL + reverse("admin:billing_linedispute_changelist"),
        },
        now=now,
    )


def queue_dispute_answer_mail(*, dispute: LineDispute, now: datetime) -> None:
    """Tell the billing contacts what operations answered."""
    _queue(
        "dispute_answered",
        key=f"dispute-answer:{dispute.pk}",
        subject=f"Your dispute of a line of invoice {dispute.invoice.number}",
        invoice=dispute.invoice,
        context=_of_dispute(dispute) | {"is_accepted": dispute.state == LineDispute.State.ACCEPTED},
        now=now,
    )


def _of_dispute(dispute: LineDispute) -> dict[str, Any]:
    return {
        "dispute": dispute,
        "line": dispute.line,
        "amount": format_money(dispute.amount_minor, dispute.currency),
    }


def _queue(
    template: str,
    *,
    key: str,
    subject: str,
    invoice: Invoice,
    context: dict[str, Any],
    now: datetime,
    to: Sequence[str] = (),
    attached: AttachedDocument | None = None,
) -> None:
    context = {
        "subject": subject,
        "invoice": invoice,
        "month": month_text(invoice.month),
        "total": format_money(invoice.total_minor, invoice.currency),
        "invoice_url": settings.SITE_URL + reverse("invoice_detail", args=[invoice.pk]),
        "support_email": settings.SUPPORT_EMAIL,
        **context,
    }
    mail: dict[str, Any] = {
        "key": key,
        "to": list(to or invoice.buyer["emails"]),
        "subject": subject,
        "text": render_to_string(f"billing/mail/{template}.txt", context),
        "html": render_to_string(f"billing/mail/{template}.html", context),
        "now": now,
    }
    if attached is None:
        queue_mail(**mail)
    else:
        queue_document_mail(attached=attached, **mail)
