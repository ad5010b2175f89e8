"""Mails of corrections: credit notes and refunds to billing contacts, disputes to operations.

Each mail is queued once per cause.
"""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from accounts.models import Provider
from billing.documents.invoice_mails import AttachedDocument, DocumentKind
from billing.formatting import date_text, local_date
from billing.models import CreditNote, CreditNoteDocument, LineDispute, Payment, Refund
from billing.money import format_money
from billing.payments.mails import queue_mail_about


def queue_credit_note_mail(*, note: CreditNote, now: datetime) -> None:
    """Mail a credit note with its PDF, which must be rendered already."""
    document = CreditNoteDocument.objects.defer("content").get(credit_note=note)
    credited = format_money(note.total_minor, note.currency)
    owed = note.invoice.owed_minor
    queue_mail_about(
        note.invoice,
        "credit_note",
        key=f"credit-note:{note.pk}",
        subject=f"Credit note {note.number} over {credited}",
        context={
            "note": note,
            "credited": credited,
            "owed": format_money(owed, note.currency) if owed else "",
            "refunds": [
                format_money(refund.amount_minor, refund.currency) for refund in note.refunds.all()
            ],
        },
        attached=AttachedDocument(DocumentKind.CREDIT_NOTE, document.pk, f"{note.number}.pdf"),
        now=now,
    )


def queue_refund_mail(*, refund: Refund, now: datetime) -> None:
    """Tell the billing contacts that money is refunded: how much, by which method and why."""
    amount = format_money(refund.amount_minor, refund.currency)
    payment = refund.payment
    invoice = payment.invoice
    queue_mail_about(
        invoice,
        "refund",
        key=f"refund:{refund.pk}",
        subject=f"{amount} refunded for invoice {invoice.number}",
        context={
            "refund": refund,
            "amount": amount,
            "is_card": payment.method == Payment.Method.CARD,
            "paid_on": date_text(local_date(payment.received_at, invoice.billing_zone())),
        },
        now=now,
    )


def queue_refund_failed_mail(*, refund: Refund, provider: Provider, now: datetime) -> None:
    """Tell operations that a refund failed, and why."""
    amount = format_money(refund.amount_minor, refund.currency)
    page = reverse("admin:billing_payment_change", args=[refund.payment_id])
    queue_mail_about(
        refund.payment.invoice,
        "refund_failed",
        key=f"refund-failed:{refund.pk}",
        subject=f"The refund of {amount} to {provider.name} has failed",
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
    queue_mail_about(
        invoice,
        "dispute_opened",
        key=f"dispute:{dispute.pk}",
        subject=f"{provider.name} disputes a line of invoice {invoice.number}",
        to=[settings.SUPPORT_EMAIL],
        context={
            **_dispute_context(dispute),
            "provider": provider,
            "answer_url": settings.SITE_URL + reverse("admin:billing_linedispute_changelist"),
        },
        now=now,
    )


def queue_dispute_answer_mail(*, dispute: LineDispute, now: datetime) -> None:
    """Mail operations' answer to the billing contacts."""
    queue_mail_about(
        dispute.invoice,
        "dispute_answered",
        key=f"dispute-answer:{dispute.pk}",
        subject=f"Your dispute of a line of invoice {dispute.invoice.number}",
        context={
            **_dispute_context(dispute),
            "is_accepted": dispute.state == LineDispute.State.ACCEPTED,
        },
        now=now,
    )


def _dispute_context(dispute: LineDispute) -> dict[str, Any]:
    return {
        "dispute": dispute,
        "line": dispute.line,
        "amount": format_money(dispute.amount_minor, dispute.currency),
    }
